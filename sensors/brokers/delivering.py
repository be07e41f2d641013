"""What was received goes to the sink until it is taken."""

import asyncio
from collections.abc import Sequence

import structlog

from identity.errors import Unavailable
from sensors.ports import Message, Sink

RETRY_S = 1.0  # after a journal that refused

_log = structlog.get_logger()


async def patiently(sink: Sink, messages: Sequence[Message]) -> None:
    """Return when ``sink`` has taken the messages; one that is away is asked again."""
    while True:
        try:
            await sink(messages)
        except Unavailable as error:
            _log.error("batch_refused", code=error.code, messages=len(messages), **error.facts)
            await asyncio.sleep(RETRY_S)
        else:
            return
