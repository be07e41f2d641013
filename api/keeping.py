"""Keeps history while a process works, and removes uploads that nobody finished.

Ended days become coarser, what has its age goes.
"""

import asyncio
from collections.abc import Callable

import structlog

from api.resumable import Resumables
from api.services import Services
from identity.errors import CityError

UPLOADS_SWEPT_S = 300.0  # between two looks

_log = structlog.get_logger()


async def keep_history(services: Services, every_s: float) -> None:
    """Look every so many seconds until cancelled; several processes may, one at a time does."""
    while True:
        try:
            told = await services.states.keep(services.clock())
        except CityError as failed:  # a full disk, a store that is away: the next look goes on
            _log.warning("history_not_kept", code=failed.code, **failed.facts)
        else:
            if any(told.values()):
                _log.info("history_kept", **told)
        await asyncio.sleep(every_s)


async def sweep_uploads(resumables: Resumables, clock: Callable[[], float]) -> None:
    """Remove what expired, every so many seconds until cancelled."""
    while True:
        try:
            gone = await asyncio.to_thread(resumables.sweep, clock())
        except OSError as failed:  # the disk refuses: the next look goes on
            _log.warning("uploads_not_swept", reason=failed.strerror or str(failed))
        else:
            if gone:
                _log.info("uploads_swept", count=gone)
        await asyncio.sleep(UPLOADS_SWEPT_S)
