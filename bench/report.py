"""The one JSON line each bench prints last."""

import json


def line(  # noqa: PLR0917 - the fields of the line, in its order
    name: str,
    ours: float,
    unit: str,
    peer: float | None,
    peer_name: str,
    n: int,
    notes: str,
) -> None:
    """Print the line; a missing peer is None and has no ratio, it is never guessed."""
    row = {
        "name": name,
        "ours": round(ours, 4),
        "unit": unit,
        "peer": None if peer is None else round(peer, 4),
        "peer_name": peer_name,
        "ratio": round(ours / peer, 3) if peer else None,
        "n": n,
        "notes": notes,
    }
    print(json.dumps(row, ensure_ascii=False))
