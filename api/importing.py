"""A list of foreign codes on its way: checked as it streams in, then linked, here or by a job.

stream → rows → checked pieces → spool (no identity number ever reaches the disk) → cim.linking
Up to INLINE_ROWS the answer waits; longer lists become a job, their refusals a blob of its own.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import structlog

from api import code_rows
from api.code_rows import Numbered
from api.kept import forget
from api.services import Services
from api.tokens import Caller, Role
from cim import claims, links
from cim.linking import PIECE_ROWS, Linking, Report
from cim.links import Checked, Refusal
from cim.progress import Progress, silent
from identity.errors import CityError, NotFound, TooLarge, Unavailable
from twin.ports import Job

KIND = "codes"  # of the job
INLINE_ROWS = 10_000
REFUSED_SHOWN = 1_000  # in a job's result; all of them at /jobs/{job}/refused
CHUNK_BYTES = 1 << 16
OWNED_JOBS_LOOKED_AT = 1_000

_log = structlog.get_logger()
_decoder = msgspec.json.Decoder(Checked)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be done with a list, and for whom; ``owned``: see ``cim.link_rules.Standing``."""

    who: str
    why: str
    dry_run: bool = False
    strict: bool = False
    owned: tuple[str, ...] | None = None


@dataclass(slots=True)
class Spool:
    """A checked list on disk, claimed until it is discarded."""

    path: Path
    file: BinaryIO
    limit: int
    rows: int = 0

    def add(self, numbered: Sequence[Numbered]) -> None:
        """Check rows and write them; TooLarge("import_rows_limit")."""
        self.rows += len(numbered)
        if self.rows > self.limit:
            raise TooLarge("import_rows_limit", limit=self.limit)
        checked = (_checked(row, said) for row, said in numbered)
        self.file.write(b"".join(msgspec.json.encode(each) + b"\n" for each in checked))

    def discard(self) -> None:
        """Remove the file where nobody adopted it, and end our claim."""
        self.path.unlink(missing_ok=True)
        self.file.close()


async def spooled(services: Services, stream: AsyncIterator[bytes], form: str) -> Spool:
    """Take a list from its stream; nothing is left behind when it is refused.

    Raises what ``api.code_rows`` says, TooLarge("import_rows_limit", "import_bytes_limit"),
    Unavailable("upload_not_stored").
    """
    folder, limit = services.settings.data_dir / "uploads", services.settings.import_rows_max
    path = folder / f"{secrets.token_hex(16)}.codes"
    try:
        spool = Spool(path, claims.create(path), limit)
    except OSError as error:
        raise _not_stored(error) from error
    try:
        async for piece in _pieces_of(stream, form, services.settings.import_bytes_max):
            await asyncio.to_thread(spool.add, piece)
        await asyncio.to_thread(spool.file.flush)
    except OSError as error:
        spool.discard()
        raise _not_stored(error) from error
    except BaseException:
        spool.discard()
        raise
    return spool


async def import_now(
    services: Services, spool: Spool, wanted: Wanted, progress: Progress = silent
) -> dict[str, Any]:
    """Link a list that is here, and return the report with every refused row."""
    refused = _Refused()
    lines = _lines_of(spool.path)
    report = await _run(services, _pieces(lines), wanted, refused, _scaled(progress, spool.rows))
    return _told(report, wanted, refused.rows)


async def queue(services: Services, spool: Spool, wanted: Wanted) -> Job:
    """Keep a long list where any worker finds it, and queue its job."""
    name = await services.blobs.put(await asyncio.to_thread(spool.path.read_bytes))
    said = msgspec.to_builtins(wanted)
    payload = {**said, "sha256": name, "rows": spool.rows}
    made = Job(f"codes-{secrets.token_hex(8)}", KIND, payload, created_at=services.clock())
    return await services.jobs.add(made)


async def run_queued(services: Services, job: Job, progress: Progress) -> dict[str, Any]:
    """Link the list of a job; the list itself is forgotten with it, its refusals are kept."""
    names, name = Wanted.__dataclass_fields__, str(job.payload["sha256"])
    wanted = msgspec.convert({n: v for n, v in job.payload.items() if n in names}, Wanted)
    scaled = _scaled(progress, int(job.payload["rows"]))
    refused = _Refused()
    try:
        lines = _lines_of(await services.blobs.local(name))
        report = await _run(services, _pieces(lines), wanted, refused, scaled)
    except CityError:
        await _forget(services, name, job)
        raise
    told = _told(report, wanted, refused.rows[:REFUSED_SHOWN])
    rows = b"".join(msgspec.json.encode(row) + b"\n" for row in refused.rows)
    told["report"] = await services.blobs.put(rows) if rows else None
    await _forget(services, name, job)
    return told


async def _forget(services: Services, name: str, job: Job) -> None:
    try:
        await forget(services, name, job.id)
    except CityError as error:
        _log.warning("list_kept", job=job.id, code=error.code)


async def refusals(services: Services, job_id: str) -> AsyncIterator[bytes]:
    """Return the lines of all refused rows of a job; NotFound("import_report_unknown")."""
    job = await services.jobs.get(job_id)
    if job.kind != KIND or job.result is None:
        raise NotFound("import_report_unknown", job=job_id[:80])
    name = job.result.get("report")
    return services.blobs.chunks(name or await services.blobs.put(b""))


async def owned(services: Services, who: Caller) -> tuple[str, ...] | None:
    """Return the documents whose things the caller may link, as far as the newest jobs know."""
    if who.role >= Role.PLANNER:
        return None
    jobs = await services.jobs.recent(limit=OWNED_JOBS_LOOKED_AT)
    brought = (job.payload.get("model") for job in jobs if job.payload.get("owner") == who.name)
    return tuple(sorted({str(model) for model in brought if model}))


def linking(services: Services) -> Linking:
    """Return the use-cases over these stores."""
    stores = services.graph, services.codes, services.blobs
    return Linking(*stores, services.settings.lease_wait_s)


async def _run(
    services: Services,
    pieces: AsyncIterator[Sequence[Checked]],
    wanted: Wanted,
    refused: "_Refused",
    progress: Progress,
) -> Report:
    allowed = None if wanted.owned is None else frozenset(wanted.owned)
    work = linking(services)
    if wanted.dry_run:
        return await work.check(pieces, refused, owned=allowed, progress=progress)
    report = await work.run(
        pieces,
        refused,
        who=wanted.who,
        why=wanted.why,
        strict=wanted.strict,
        owned=allowed,
        progress=progress,
    )
    services.signal.notify()
    return report


@dataclass(slots=True)
class _Refused:
    """Every refused row as it is told."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, row: int, refusal: Refusal) -> None:
        """Take one."""
        self.rows.append(refusal.told(row))


def _told(report: Report, wanted: Wanted, refused: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "counts": report.counts(),
        "generation": report.generation,
        "dry_run": wanted.dry_run,
        "strict": wanted.strict,
        "refused": refused,
    }


def _checked(row: int, said: links.Row | Refusal) -> Checked:
    if isinstance(said, Refusal):
        return Checked(row, refusals=(said,))
    found = links.read(said)
    return Checked(row, found) if isinstance(found, links.Link) else Checked(row, refusals=found)


async def _pieces_of(
    stream: AsyncIterator[bytes], form: str, limit: int
) -> AsyncIterator[list[Numbered]]:
    """Yield rows in runs that are checked together, as the stream brings them."""
    reader, taken = code_rows.reader(form), 0
    rows: list[Numbered] = []
    async for chunk in stream:
        taken += len(chunk)
        if taken > limit:
            raise TooLarge("import_bytes_limit", limit=limit)
        for start in range(0, len(chunk), CHUNK_BYTES):
            rows += reader.feed(chunk[start : start + CHUNK_BYTES])
            if len(rows) >= PIECE_ROWS:
                yield rows
                rows = []
    rows += reader.close()
    yield rows


async def _pieces(lines: Iterator[bytes]) -> AsyncIterator[list[Checked]]:
    while piece := await asyncio.to_thread(_decoded, lines):
        yield piece


def _decoded(lines: Iterator[bytes]) -> list[Checked]:
    return [_decoder.decode(line) for line in islice(lines, PIECE_ROWS)]


def _lines_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _scaled(progress: Progress, rows: int) -> Progress:
    """Return a progress that knows how many rows there are."""

    def scaled(stage: str, fraction: float, counts: Mapping[str, int] | None = None) -> None:
        done = counts["rows"] / max(rows, 1) if counts else fraction
        progress(stage, done, counts)

    return scaled


def _not_stored(error: OSError) -> Unavailable:
    return Unavailable("upload_not_stored", reason=error.strerror or str(error))
