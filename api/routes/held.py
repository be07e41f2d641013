"""What is held under TWIN_ACCEPT=hold: a person accepts it, or rejects it."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api import holding
from api.requests import CallerIn, Generation, ServicesIn, answer, record
from api.routes.models import check_owner

router = APIRouter(tags=["models"])

Seen = Annotated[
    str | None, Query(pattern=r"^[0-9a-f]{64}$", description="of the file that was looked at")
]


@router.post("/models/{model}/accept", summary="Accept what is held of a model", status_code=202)
async def accept(
    model: str, services: ServicesIn, who: CallerIn, _g: Generation, sha256: Seen = None
) -> Response:
    """Queue its activation; with ``sha256`` only where no newer upload has taken its place."""
    await check_owner(services, who, model)
    job = await holding.accept(services, model, who.name, sha256)
    await record(services, who, "accept", model, job=job.id)
    return answer({"model": model, "job": job.id}, 202, {"Location": f"/jobs/{job.id}"})


@router.post("/models/{model}/reject", summary="Drop what is held of a model")
async def reject(
    model: str, services: ServicesIn, who: CallerIn, _g: Generation, sha256: Seen = None
) -> Response:
    """Drop it; the version in the city stays as it is."""
    await check_owner(services, who, model)
    result = await holding.reject(services, model, sha256)
    await record(services, who, "reject", model, sha256=result["sha256"])
    return answer(result)
