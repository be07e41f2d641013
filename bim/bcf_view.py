"""How an element is looked at in a BCF topic: the camera, and a picture of boxes as PNG.

The picture shows the element's box in red among the boxes around it, as lines: enough to find the
place without the model. All in metres of the file's own frame.
"""

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cim.placement import Box3

Floats = NDArray[np.float64]

WIDTH, HEIGHT = 480, 360  # pixels
FIELD_OF_VIEW_DEG = 60.0  # vertical; BCF 2.1 wants 45 to 60
FAR = 3.0  # half diagonals between the eye and the middle of the element
HALF_M_MIN = 2.0  # an element that is smaller is looked at from as far as this one
NEIGHBOURS = 120  # boxes drawn around it, the nearest
STEPS = 120  # points of a line: dense enough at this size
NEAR_M = 0.05  # what is closer to the eye is not drawn
_SIGHT = np.array([0.60, 0.66, -0.45]) / np.linalg.norm([0.60, 0.66, -0.45])
_PAPER, _LINE, _RED = (250, 250, 248), (150, 158, 168), (255, 59, 48)
_CORNERS = np.array([[i >> axis & 1 for axis in range(3)] for i in range(8)])
_EDGES = np.array([(a, b) for a in range(8) for b in range(a) if (a ^ b).bit_count() == 1])


@dataclass(frozen=True, slots=True)
class Camera:
    """A perspective camera; ``direction`` and ``up`` are unit vectors."""

    eye_m: tuple[float, float, float]
    direction: tuple[float, float, float]
    up: tuple[float, float, float]
    field_of_view_deg: float = FIELD_OF_VIEW_DEG
    aspect: float = WIDTH / HEIGHT


def camera(box_m: Box3) -> Camera:
    """Return the camera that looks at a box from the south west, above."""
    low, high = np.array(box_m[:3]), np.array(box_m[3:])
    half = max(float(np.linalg.norm(high - low)) / 2, HALF_M_MIN)
    eye = (low + high) / 2 - _SIGHT * FAR * half
    right = np.cross(_SIGHT, [0.0, 0.0, 1.0])
    up = np.cross(right / np.linalg.norm(right), _SIGHT)
    return Camera(_triple(eye), _triple(_SIGHT), _triple(up))


def snapshot(seen: Camera, box_m: Box3, around_m: Sequence[Box3] = ()) -> bytes:
    """Return a PNG of WIDTH x HEIGHT: the box in red among the nearest of ``around_m``."""
    picture = np.full((HEIGHT, WIDTH, 3), _PAPER, np.uint8)
    boxes = _nearest(np.array(around_m, dtype=float).reshape(-1, 6), np.array(box_m))
    _draw(picture, boxes, seen, _LINE, 1)
    _draw(picture, np.array([box_m]), seen, _RED, 3)
    return png(picture)


def png(picture: NDArray[np.uint8]) -> bytes:
    """Return an RGB picture (height, width, 3) as PNG (ISO/IEC 15948)."""
    height, width, _ = picture.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # the first byte of a row: no filter
    rows[:, 1:] = picture.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = _chunk(b"IDAT", zlib.compress(rows.tobytes(), 6))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + body + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def _nearest(boxes: Floats, box: Floats) -> Floats:
    """Return the NEIGHBOURS boxes whose middles are nearest to that of ``box``."""
    middles = (boxes[:, :3] + boxes[:, 3:]) / 2
    away = np.linalg.norm(middles - (box[:3] + box[3:]) / 2, axis=1)
    return boxes[np.argsort(away, kind="stable")[:NEIGHBOURS]]


def _draw(
    picture: NDArray[np.uint8], boxes: Floats, seen: Camera, colour: tuple[int, ...], pixels: int
) -> None:
    """Draw the edges of boxes (n, 6) as lines ``pixels`` wide."""
    ends = boxes[:, :3][:, None] + _CORNERS[None] * (boxes[:, 3:] - boxes[:, :3])[:, None]
    begin, end = ends[:, _EDGES[:, 0]], ends[:, _EDGES[:, 1]]
    along = np.linspace(0.0, 1.0, STEPS)[:, None, None, None]
    points = (begin + (end - begin) * along).reshape(-1, 3)
    columns, rows = _pixels(points, seen)
    for shift in np.ndindex(pixels, pixels):
        x, y = columns + shift[0] - pixels // 2, rows + shift[1] - pixels // 2
        inside = (x >= 0) & (x < WIDTH) & (y >= 0) & (y < HEIGHT)
        picture[y[inside], x[inside]] = colour


def _pixels(points: Floats, seen: Camera) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return column and row of the points before the eye."""
    sight, up = np.array(seen.direction), np.array(seen.up)
    from_eye = points - np.array(seen.eye_m)
    deep = from_eye @ sight
    before = deep > NEAR_M
    from_eye, deep = from_eye[before], deep[before]
    scale = HEIGHT / 2 / math.tan(math.radians(seen.field_of_view_deg) / 2)
    columns = WIDTH / 2 + scale * (from_eye @ np.cross(sight, up)) / deep
    rows = HEIGHT / 2 - scale * (from_eye @ up) / deep
    far = 10 * WIDTH  # clipped: no number that a pixel cannot be
    return np.clip(columns, -far, far).astype(np.int64), np.clip(rows, -far, far).astype(np.int64)


def _triple(vector: Floats) -> tuple[float, float, float]:
    x, y, z = (round(float(value), 9) for value in vector)
    return x, y, z
