"""Jobs of deliveries as rows: their names, whose they are, and which of them something waits for.

A receipt's import is ``<receipt>``, after a failure ``<receipt>-2`` …; its acceptance has
``-accept`` behind that. Their subject is the document: they run one after the other as they came.
"""

from contextlib import suppress
from dataclasses import asdict, replace

from api.services import Services
from bim.door import Receipt
from cim.ports import PAGE_LIMIT
from identity.errors import NotFound
from twin.ports import Job

IMPORT, ACCEPT = "import", "accept"  # kinds
CANCELLABLE = frozenset({IMPORT, ACCEPT})  # what else there is changes the city piece by piece
CANCELLED = "job_cancelled"  # the code of its error
ENDED = frozenset({"done", "failed"})
OWNER = "owner"  # in a job's payload beside the receipt: who uploaded
HELD = "held"  # in the result of an import that was held: one of the four
KEPT = ("package", "shown")  # beside it while it waits: the blobs, of which no client hears
WAITING, ACCEPTED, REJECTED, REPLACED = "waiting", "accepted", "rejected", "replaced"
ATTEMPTS_LOOKED_AT = 100


async def queue_import(services: Services, receipt: Receipt, owner: str = "") -> Job:
    """Queue the import of a receipt of ``owner``; the same receipt again is the same job.

    A receipt whose job failed, or was held and dropped, gets a further job.
    """
    payload = {**asdict(receipt), OWNER: owner}
    now = services.clock()
    job = Job(receipt.id, IMPORT, payload, created_at=now, subject=receipt.model)
    if receipt.version is not None:
        return replace(job, id=await _job_of(services, receipt), state="done")
    return await add_anew(services, job)


async def add_anew(services: Services, job: Job) -> Job:
    """Add a job, under a further name where the one before it failed or was dropped."""
    name, number = job.id, 1
    while True:
        stored = await services.jobs.add(job)
        if stored.state != "failed" and not is_dropped(stored):
            return stored
        number += 1
        job = replace(job, id=f"{name}-{number}")


def receipt_of(job: Job) -> Receipt:
    """Return the receipt that an import carries out."""
    return Receipt(**{name: said for name, said in job.payload.items() if name != OWNER})


def is_waiting(job: Job) -> bool:
    """Whether a job's import waits for a decision."""
    return job.kind == IMPORT and (job.result or {}).get(HELD) == WAITING


def is_dropped(job: Job) -> bool:
    """Whether what a job imported was held and is gone: the same upload begins anew."""
    return (job.result or {}).get(HELD) in {REJECTED, REPLACED}


async def is_owner(services: Services, name: str, model: str) -> bool:
    """Whether ``name`` uploaded ``model``, as far as its newest jobs know."""
    for subject in (model, ""):  # jobs from before they had subjects are among the newest of all
        jobs = await services.jobs.recent(limit=PAGE_LIMIT, subject=subject)
        if any(j.payload.get("model") == model and j.payload.get(OWNER) == name for j in jobs):
            return True
    return False


async def _job_of(services: Services, receipt: Receipt) -> str:
    """Return the job that made the version which the same bytes are already."""
    for number in range(1, ATTEMPTS_LOOKED_AT):
        job_id = receipt.id if number == 1 else f"{receipt.id}-{number}"
        with suppress(NotFound):
            return (await services.jobs.get(job_id)).id
    found = await services.jobs.recent(limit=PAGE_LIMIT, sha256=receipt.sha256)
    made = [
        job.id for job in found if job.state == "done" and job.payload["model"] == receipt.model
    ]
    return made[0] if made else receipt.id
