"""Lists of foreign codes from the command line: linked here, or by a running server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from api import importing, remote
from api.bootstrap import open_services
from api.code_rows import SUFFIXES, form_of
from api.importing import Wanted
from api.requests import record
from api.services import Services
from api.settings import Settings
from api.tokens import Caller, Role
from cim.registry_change import check_reason
from identity.errors import Invalid

WHO = "cli"
READ_BYTES = 1 << 16
EXIT_REFUSED_ROWS = 1

_console = Console(soft_wrap=True)


@dataclass(frozen=True, slots=True)
class List:
    """A list of foreign codes and what shall be done with it; ``url``: by a running server."""

    path: Path
    why: str = ""
    check: bool = False
    strict: bool = False
    url: str | None = None
    token: str = ""


async def import_list(settings: Settings, wanted: List, lang: str) -> int:
    """Link a list, print every refused row and the counts; 1 where a row was refused."""
    form = form_of(wanted.path.suffix, SUFFIXES)
    if not wanted.check:
        check_reason(WHO, wanted.why)
    if not wanted.path.is_file():
        raise Invalid("file_unreadable", path=str(wanted.path), reason="no such file")
    if wanted.url:
        said = await asyncio.to_thread(_remote, wanted, form)
    else:
        said = await _local(settings, wanted, form)
    for row in said["refused"]:
        _console.print(_line(row, lang), highlight=False, markup=False)
    counts = {**said["counts"], "generation": said["generation"]}
    _console.print_json(json.dumps(counts))
    return EXIT_REFUSED_ROWS if said["counts"]["refused"] else 0


async def _local(settings: Settings, wanted: List, form: str) -> dict[str, Any]:
    services = await open_services(settings, time.time)
    try:
        return await _linked(services, wanted, form)
    finally:
        await services.close()


async def _linked(services: Services, wanted: List, form: str) -> dict[str, Any]:
    spool = await importing.spooled(services, _chunks(wanted.path), form)
    try:
        said = Wanted(WHO, wanted.why, wanted.check, wanted.strict)
        told = await importing.import_now(services, spool, said)
    finally:
        spool.discard()
    if not wanted.check:
        facts = {**told["counts"], "why": wanted.why}
        who = Caller(WHO, Role.ADMIN)
        await record(services, who, "register_import", str(told["generation"]), **facts)
    return told


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, READ_BYTES):
            yield chunk


def _remote(wanted: List, form: str) -> dict[str, Any]:
    query = {"why": wanted.why, "dry_run": wanted.check, "strict": wanted.strict}
    assert wanted.url is not None
    return remote.import_codes(wanted.url, wanted.token, wanted.path, form, query)


def _line(row: dict[str, Any], lang: str) -> str:
    """Return a refused row as a person reads it."""
    words: Sequence[str] = ("第 {row} 行", "第 {row} 行 {column}")
    if lang == "en":
        words = ("row {row}", "row {row} {column}")
    place = words[bool(row["column"])].format(**row)
    return f"{place} [{row['value']}] {row['code']}: {row[lang]}"
