"""Server-sent events on the wire (HTML Living Standard 9.2)."""

from typing import Any

import msgspec

MEDIA_TYPE = "text/event-stream"
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def sse(event: str, data: Any, frame_id: str = "") -> bytes:
    """Return one server-sent event."""
    body = msgspec.json.encode(data, enc_hook=str).decode()
    head = f"id: {frame_id}\n" if frame_id else ""
    return f"{head}event: {event}\ndata: {body}\n\n".encode()


def opening(frame_id: str) -> bytes:
    """Return what opens a stream: how long to wait before coming back, and the position."""
    return f"retry: 2000\nid: {frame_id}\n: hello\n\n".encode()
