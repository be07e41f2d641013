"""Foreign codes of things: one by one, and in lists."""

from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse

from api import importing
from api.code_rows import form_of
from api.importing import INLINE_ROWS, Spool, Wanted
from api.requests import CallerIn, Generation, ServicesIn, answer, door, record
from api.schemas import ForeignCode, ForeignCodeEnd, ImportUndo
from api.services import Services, until
from api.tokens import Caller
from cim.links import Row, Unwanted
from cim.registry_change import REASON_CHARS_MAX, check_reason
from identity.errors import Unavailable

router = APIRouter(tags=["register"])

NDJSON = "application/x-ndjson"
COLUMNS = "columns code, value, scheme?, scope?, source?, confidence?"
BODY = {
    "required": True,
    "content": {
        "text/csv": {"schema": {"type": "string", "description": f"a heading, then {COLUMNS}"}},
        NDJSON: {"schema": {"type": "string", "description": f"each line an object: {COLUMNS}"}},
    },
}


@router.post("/objects/{code}/aliases", summary="Link a foreign code")
async def link(
    code: str, said: ForeignCode, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """Link one foreign code; a wrong one is refused with position and expectation, a taken one 409.

    An identity number is refused and not kept. A firm links what its own models brought.
    """
    row = Row(code, said.value, said.scheme, said.scope, said.source, said.confidence)
    owned = await _owned(services, who)
    told = await importing.linking(services).link(row, who=who.name, why=said.why, owned=owned)
    await _changed(services, who, told)
    return answer(told)


@router.post("/objects/{code}/aliases/remove", summary="Unlink a foreign code")
async def unlink(
    code: str, said: ForeignCodeEnd, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """End one foreign code of a thing: it leads nowhere then, until it is linked again."""
    wanted, owned = Unwanted(said.scheme, said.value, said.scope), await _owned(services, who)
    told = await importing.linking(services).unlink(
        code, wanted, who=who.name, why=said.why, owned=owned
    )
    await _changed(services, who, told)
    return answer(told)


@router.post(
    "/codes/import",
    summary="Link a list of foreign codes (CSV, NDJSON)",
    openapi_extra={"requestBody": BODY},
)
async def import_list(
    *,
    request: Request,
    services: ServicesIn,
    who: CallerIn,
    _g: Generation,
    content_type: Annotated[str, Header()] = "",
    why: Annotated[str, Query(max_length=REASON_CHARS_MAX)] = "",
    dry_run: Annotated[bool, Query(description="say what would happen, change nothing")] = False,
    strict: Annotated[bool, Query(description="link nothing where a row is refused")] = False,
) -> Response:
    """Link the right rows in one generation; every wrong one is told with row, column and position.

    200 with the report; 202 with a job for more than 10,000 rows. `why` is needed but for dry_run.
    """
    if not dry_run:
        check_reason(who.name, why)
    owned = await _owned(services, who)
    named = None if owned is None else tuple(sorted(owned))
    wanted = Wanted(who.name, why, dry_run, strict, named)
    spool = await _spooled(request, services, form_of(content_type))
    try:
        if spool.rows > INLINE_ROWS:
            return await _queued(services, who, spool, wanted)
        told = await importing.import_now(services, spool, wanted)
    finally:
        spool.discard()
    if not dry_run:
        facts = {**told["counts"], "why": why}
        await record(services, who, "register_import", str(told["generation"]), **facts)
    return answer(told)


@router.post("/codes/import/undo", summary="Take a list of foreign codes back")
async def undo(said: ImportUndo, services: ServicesIn, who: CallerIn, _g: Generation) -> Response:
    """End all that the list of `generation` linked; 409 where a later change stands in the way."""
    told = await importing.linking(services).undo(said.generation, who=who.name, why=said.why)
    facts = {"why": said.why, "count": told["count"]}
    await record(services, who, "register_import_undo", str(said.generation), **facts)
    services.signal.notify()
    return answer(told)


@router.get("/jobs/{job}/refused", summary="All refused rows of an import of codes (NDJSON)")
async def refused(job: str, services: ServicesIn, _g: Generation) -> Response:
    """Stream every refused row: `{"row", "column", "code", "position", "expected", "found", …}`."""
    return StreamingResponse(await importing.refusals(services, job), media_type=NDJSON)


async def _spooled(request: Request, services: Services, form: str) -> Spool:
    """Take the list; one that was under way when we stop is not whole and refused."""
    stopping = door(request).stopping
    async with aclosing(until(request.stream(), stopping)) as stream:
        spool = await importing.spooled(services, stream, form)
    if stopping.is_set():
        spool.discard()
        raise Unavailable("stopping")
    return spool


async def _queued(services: Services, who: Caller, spool: Spool, wanted: Wanted) -> Response:
    job = await importing.queue(services, spool, wanted)
    facts = {"rows": spool.rows, "why": wanted.why, "dry_run": wanted.dry_run}
    await record(services, who, "register_import_queued", job.id, **facts)
    return answer({"job": job.id, "rows": spool.rows}, 202, {"Location": f"/jobs/{job.id}"})


async def _owned(services: Services, who: Caller) -> frozenset[str] | None:
    found = await importing.owned(services, who)
    return None if found is None else frozenset(found)


async def _changed(services: Services, who: Caller, told: dict[str, object]) -> None:
    facts = {name: value for name, value in told.items() if name not in {"code", "who", "action"}}
    await record(services, who, f"register_{told['action']}", str(told["code"]), **facts)
    services.signal.notify()
