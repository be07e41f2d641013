"""The product in the test's own process and loop: started, open, and ended."""

import asyncio
import time
from contextlib import asynccontextmanager

from api import running

WAIT_S = 90.0


@asynccontextmanager
async def served(door, plan, limit_s=WAIT_S):
    """Run ``plan`` behind ``door`` from when its stores are open until the end."""
    serving = asyncio.create_task(running.serve(door.settings, plan, door))
    try:
        async with asyncio.timeout(limit_s):
            await door.opened()
        yield
    finally:
        door.stop()
        async with asyncio.timeout(limit_s):
            await serving


async def ended(client, job_id):
    """Return the job, asked for by an HTTP client, once it has ended."""
    stop = time.monotonic() + WAIT_S
    while time.monotonic() < stop:
        job = (await client.get(f"/jobs/{job_id}")).json()
        if job["state"] in {"done", "failed"}:
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(job)
