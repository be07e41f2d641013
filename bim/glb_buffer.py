"""The binary half of a GLB: buffer views and accessors, and the container around both halves."""

import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

ALIGNMENT_BYTES = 8  # EXT_structural_metadata: views of property tables; the others need only 4
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
COMPONENTS = {"uint8": 5121, "uint16": 5123, "uint32": 5125, "float32": 5126}
TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}
SHORT_VERTICES_MAX = 65_535  # 65,535 itself restarts primitives and is no index (glTF 2.0 §3.7.2.1)
MAGIC, VERSION, JSON_CHUNK, BIN_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942


class Buffer:
    """Collects bytes; every method that takes an array returns the index it is referred to by."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []

    def vertices(
        self, values: npt.NDArray[Any], *, limits: bool = False, normalized: bool = False
    ) -> int:
        """Add a vertex attribute, (n,) or (n, 3 or 4); ``limits`` writes min and max."""
        accessor = self._accessor(values, ARRAY_BUFFER)
        if limits:
            accessor["min"] = values.min(axis=0).tolist()
            accessor["max"] = values.max(axis=0).tolist()
        if normalized:
            accessor["normalized"] = True
        return len(self._accessors) - 1

    def indices(self, values: npt.NDArray[Any], vertex_count: int) -> int:
        """Add triangle indices, as short as the number of vertices allows."""
        short = np.uint16 if vertex_count <= SHORT_VERTICES_MAX else np.uint32
        self._accessor(values.astype(short).reshape(-1), ELEMENT_ARRAY_BUFFER)
        return len(self._accessors) - 1

    def view(self, data: bytes, target: int | None = None) -> int:
        """Add plain bytes (never none: glTF has no empty views), aligned to ALIGNMENT_BYTES."""
        view = {"buffer": 0, "byteOffset": self._length, "byteLength": len(data)}
        self._views.append(view | ({"target": target} if target else {}))
        padded = data + bytes(-len(data) % ALIGNMENT_BYTES)
        self._pieces.append(padded)
        self._length += len(padded)
        return len(self._views) - 1

    def document(self) -> dict[str, Any]:
        """Return the JSON that describes the buffer; empty lists where nothing was added."""
        return {
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": self._length}] if self._length else [],
        }

    def data(self) -> bytes:
        """Return all bytes."""
        return b"".join(self._pieces)

    def _accessor(self, values: npt.NDArray[Any], target: int) -> dict[str, Any]:
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)
        accessor = {
            "bufferView": self.view(little.tobytes(), target),
            "componentType": COMPONENTS[values.dtype.name],
            "count": len(values),
            "type": TYPES[1 if values.ndim == 1 else values.shape[1]],
        }
        self._accessors.append(accessor)
        return accessor


def pack(document: dict[str, Any], buffer: Buffer) -> bytes:
    """Return the GLB container (glTF 2.0 §4.4): header, JSON chunk, binary chunk."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    # 3D Tiles 1.1 wants the binary chunk on 8 bytes: header and two chunk heads are 12 + 8 + 8.
    text += b" " * (-(len(text) + 28) % ALIGNMENT_BYTES)
    data = buffer.data()
    chunks = [struct.pack("<II", len(text), JSON_CHUNK), text]
    if data:
        chunks += [struct.pack("<II", len(data), BIN_CHUNK), data]
    length = 12 + sum(map(len, chunks))
    return b"".join([struct.pack("<III", MAGIC, VERSION, length), *chunks])
