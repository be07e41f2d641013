"""The in-process wake-up: writers say "something is new", readers look into the outbox.

The outbox is the truth; a missed wake-up costs a reader one polling interval, never an event.
"""

import asyncio


class Signal:
    """Wakes every waiter of this process and event loop; carries no data."""

    def __init__(self) -> None:
        self._next: asyncio.Event = asyncio.Event()

    def notify(self) -> None:
        """Wake all who wait now. Call it on the event loop, after the commit."""
        woken, self._next = self._next, asyncio.Event()
        woken.set()

    def armed(self) -> asyncio.Event:
        """Return the event of the next ``notify``: take it before looking, wait for it after."""
        return self._next


async def wait(event: asyncio.Event, timeout_s: float) -> None:
    """Return when ``event`` is set, at the latest after ``timeout_s``."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
