"""Many texts in one call: a line of JSON each, answered in order and at one generation."""

from collections.abc import AsyncIterator, Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from api import ndjson
from api.requests import Generation, Lang, ServicesIn
from api.services import Services
from identity.errors import CityError
from twin.batch import Meaning, Searches

router = APIRouter(tags=["codes"])

MEDIA_TYPE = "application/x-ndjson"
SEARCHES_MAX = 500  # grid cells and address texts of a call: each is a search of its own

BODY = {
    "required": True,
    "content": {
        MEDIA_TYPE: {
            "schema": {"type": "string", "description": 'each line "text" or {"q": "text"}'}
        }
    },
}


@router.post(
    "/codes/resolve", summary="Resolve many texts (NDJSON)", openapi_extra={"requestBody": BODY}
)
async def resolve(
    request: Request, services: ServicesIn, language: Lang, g: Generation
) -> Response:
    """Answer a line each, in order: `{"q", "answers"}` or `{"q", "error"}`; at most 10,000."""
    asked = await ndjson.questions(request.stream())
    return StreamingResponse(told(services, asked, language, g), media_type=MEDIA_TYPE)


async def told(
    services: Services, asked: Sequence[tuple[str, ndjson.Question]], language: str, g: int
) -> AsyncIterator[bytes]:
    """Yield the lines of the answer, as many at once as are looked up together."""
    searches = Searches(SEARCHES_MAX)
    for piece in ndjson.pieces(asked):
        meant = await _meant(services, [said for _, said in piece], searches, g)
        rows = zip(piece, meant, strict=True)
        yield b"".join(ndjson.line(shown, means, language) for (shown, _), means in rows)


async def _meant(
    services: Services, said: Sequence[ndjson.Question], searches: Searches, g: int
) -> list[Meaning]:
    """Look a piece up; a store that fails on the way fails each of its lines, none is lost."""
    texts = [each for each in said if isinstance(each, str)]
    try:
        found = iter(await services.city.resolve_many(texts, searches, g=g))
    except CityError as failed:
        return [failed if isinstance(each, str) else each for each in said]
    return [next(found) if isinstance(each, str) else each for each in said]
