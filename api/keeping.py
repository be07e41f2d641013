"""Keeps history while a process works: ended days become coarser, what has its age goes."""

import asyncio

import structlog

from api.services import Services
from identity.errors import CityError

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
