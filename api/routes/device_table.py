"""The register of devices as a table: in, every bad row named, and out."""

import io
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from api.requests import CallerIn, Generation, Lang, ServicesIn, answer, record
from api.routes.devices import register_of, registering
from api.services import Services
from identity.errors import TooLarge, render
from sensors import device_table, register
from sensors.register import Wanted

router = APIRouter(tags=["devices"])

MEDIA_TYPE = "text/csv"
SPOOLED_BYTES = 1024 * 1024  # of a table held in memory; more goes to a file that has no name
PAGE_ROWS = 500
BODY = {
    "required": True,
    "content": {MEDIA_TYPE: {"schema": {"type": "string", "description": "a line each, a header"}}},
}


@router.get("/devices/table", summary="All devices as CSV")
async def write(services: ServicesIn, g: Generation) -> Response:
    """Stream one row a property; read again by POST it changes nothing."""
    headers = {"Content-Disposition": 'attachment; filename="devices.csv"'}
    return StreamingResponse(_lines(services, g), headers=headers, media_type=MEDIA_TYPE)


@router.post("/devices/table", summary="Bind devices from CSV", openapi_extra={"requestBody": BODY})
async def read(
    *,
    request: Request,
    services: ServicesIn,
    who: CallerIn,
    language: Lang,
    _g: Generation,
    dry_run: Annotated[bool, Query(description="only look everything up")] = False,
) -> Response:
    """Bind the good rows; each bad one is named with its row, column and reason.

    UTF-8 or GB18030, columns in any order, `device` among them. What waited in quarantine for the
    devices is applied.
    """
    with tempfile.SpooledTemporaryFile(SPOOLED_BYTES) as kept:
        await _keep(request.stream(), kept, services.settings.device_table_bytes_max)
        text = await anyio.to_thread.run_sync(_text, kept)
        report = await device_table.read(text, registering(services, who), dry_run=dry_run)
        text.detach()
    adopted = 0
    for device, tenant in report.devices:
        adopted += await services.intake.adopt(device, tenant)
    if not dry_run:
        services.signal.notify()
        await record(services, who, "bind_table", "", rows=report.rows, bound=report.bound)
    errors = [
        {**row, "message": render(row["code"], row["facts"], language)[0]} for row in report.errors
    ]
    return answer(
        {
            "dry_run": dry_run,
            "rows": report.rows,
            "bound": report.bound,
            "proposed": report.proposed,
            "adopted": adopted,
            "errors_count": report.errors_count,
            "errors": errors,
        }
    )


async def _keep(chunks: AsyncIterator[bytes], kept: IO[bytes], limit: int) -> None:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooLarge("body_too_large", limit=limit)
        await anyio.to_thread.run_sync(kept.write, chunk)


def _text(kept: IO[bytes]) -> io.TextIOWrapper:
    """Return the table as text: UTF-8 (with or without a mark), else GB18030."""
    try:
        whole = _wrapped(kept, "utf-8-sig", "strict")
        for _ in whole:
            pass
    except UnicodeDecodeError:
        encoding = "gb18030"
    else:
        encoding = "utf-8-sig"
    whole.detach()
    return _wrapped(kept, encoding, "replace")


def _wrapped(kept: IO[bytes], encoding: str, errors: str) -> io.TextIOWrapper:
    kept.seek(0)
    return io.TextIOWrapper(kept, encoding, errors=errors, newline="")


async def _lines(services: Services, g: int) -> AsyncIterator[str]:
    after, first = "", True
    while first or after:
        found = await register.devices(
            register_of(services), Wanted(), g, services.clock(), limit=PAGE_ROWS, after=after
        )
        yield device_table.write(found["items"], header=first)
        after, first = found["next"] or "", False
