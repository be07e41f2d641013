"""The peer of ``bench resolve``: a bare Starlette route that returns the same bytes.

``python -m bench.resolve_peer FILE PORT``: FILE holds {text: [status, media type, body]} as
msgpack. Served by uvicorn with the settings the product serves with.
"""

import sys
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Said = tuple[int, str, bytes]
"""Status, media type, body."""


def main(argv: list[str]) -> None:
    """Serve until a signal comes."""
    said = msgspec.msgpack.decode(Path(argv[0]).read_bytes(), type=dict[str, Said])

    async def resolve(request: Request) -> Response:
        status, media_type, body = said[request.path_params["any"]]
        return Response(body, status, media_type=media_type)

    app = Starlette(routes=[Route("/codes/{any:path}", resolve)])
    config = {"log_level": "warning", "access_log": False, "server_header": False}
    uvicorn.run(app, host="127.0.0.1", port=int(argv[1]), **config)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1:])
