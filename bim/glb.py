"""Bodies with their codes as one binary glTF 2.0 file, as 3D Tiles 1.1 wants it.

triangles → by node (elements, spaces) and material (opaque, see-through) → vertices → buffer, JSON

glTF is y-up, our local frame z-up: the root node turns it, and 3D Tiles turns it back. Vertices are
float32 relative to the node's translation, so models far from their origin do not jitter. There are
no normals: glTF 2.0 §3.7.2.1 makes clients shade flat. Every vertex carries a feature id
(EXT_mesh_features) into a property table with code, kind, IFC class, name and storey
(EXT_structural_metadata).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bim.glb_buffer import Buffer, pack
from bim.glb_metadata import COLUMNS, feature_ids, structural_metadata
from bim.mesh_assembly import Meshes

SPACE = "Space"  # cim.model.Kind.SPACE
OPAQUE = 255
Z_UP_TO_Y_UP = [1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1]
"""Column-major: (x, y, z) becomes (x, z, -y)."""
MATERIALS = [
    {
        "name": name,
        "pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 0.9},
        "alphaMode": mode,
        "doubleSided": True,  # cgal-simple may turn the faces of breps
    }
    for name, mode in (("opaque", "OPAQUE"), ("see-through", "BLEND"))
]
LINEAR_LIGHT = np.round(255 * ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4).astype(np.uint8)
"""sRGB to linear, 0-255: files give colours as screens show them, glTF's COLOR_0 is linear."""
NODES = ("elements", "spaces")

Indices = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that can be picked: the GUID of its body, and what is written into the file."""

    guid: str
    code: str
    kind: str
    ifc_class: str
    name: str
    storey: str


def encode(meshes: Meshes, features: Sequence[Feature]) -> bytes:
    """Return the GLB of the bodies of ``features``; equal input gives equal bytes.

    Bodies without a feature are left out. A repeated code keeps one feature (its first), which all
    its bodies carry. Spaces are the children of a node "spaces", all others of "elements".
    """
    first: dict[str, Feature] = {}
    for feature in features:
        first.setdefault(feature.code, feature)
    rows = list(first.values())
    buffer = Buffer()
    groups = _groups(meshes, features, {row.code: number for number, row in enumerate(rows)})
    drawn = [_mesh(buffer, meshes, groups, node, len(rows)) for node in range(len(NODES))]
    table = [{name: getattr(row, name) for name in COLUMNS} for row in rows]
    return pack(_document(meshes, drawn, structural_metadata(buffer, table), buffer), buffer)


@dataclass(frozen=True, slots=True)
class _Group:
    """The triangles of one primitive: indices, and per index its colour (rgba) and feature id."""

    indices: Indices
    colours: npt.NDArray[np.uint8]
    ids: Indices


def _groups(
    meshes: Meshes, features: Sequence[Feature], ids: Mapping[str, int]
) -> dict[tuple[int, int], _Group]:
    """Return the triangles by (node, material)."""
    of_guid = {feature.guid: feature for feature in features}
    parts: dict[tuple[int, int], list[tuple[int, int, tuple[int, ...], int]]] = {}
    for shape in meshes.shapes:
        feature = of_guid.get(shape.guid)
        for first, count, *colour in shape.parts if feature else ():
            assert feature is not None
            key = (int(feature.kind == SPACE), int(colour[3] < OPAQUE))
            parts.setdefault(key, []).append((first, count, tuple(colour), ids[feature.code]))
    return {key: _group(meshes.indices, found) for key, found in sorted(parts.items())}


def _group(indices: Indices, parts: Sequence[tuple[int, int, tuple[int, ...], int]]) -> _Group:
    counts = [count for _, count, _, _ in parts]
    return _Group(
        np.concatenate([indices[first : first + count] for first, count, _, _ in parts]),
        np.repeat(np.array([colour for _, _, colour, _ in parts], np.uint8), counts, axis=0),
        np.repeat(np.array([number for _, _, _, number in parts], np.uint32), counts),
    )


def _mesh(
    buffer: Buffer,
    meshes: Meshes,
    groups: Mapping[tuple[int, int], _Group],
    node: int,
    feature_count: int,
) -> dict[str, Any] | None:
    primitives = [
        _primitive(buffer, meshes, groups[node, material], material, feature_count)
        for material in range(len(MATERIALS))
        if (node, material) in groups
    ]
    return {"name": NODES[node], "primitives": primitives} if primitives else None


def _primitive(
    buffer: Buffer, meshes: Meshes, group: _Group, material: int, feature_count: int
) -> dict[str, Any]:
    """Write one primitive; a vertex is written once for each of its colours."""
    colour_keys = group.colours.view("<u4")[:, 0].astype(np.uint64)
    keys = (group.indices.astype(np.uint64) << np.uint64(32)) | colour_keys
    _, firsts, indices = np.unique(keys, return_index=True, return_inverse=True)
    return {
        "attributes": {
            "POSITION": buffer.vertices(meshes.positions[group.indices[firsts]], limits=True),
            "COLOR_0": buffer.vertices(_linear(group.colours[firsts]), normalized=True),
            "_FEATURE_ID_0": buffer.vertices(group.ids[firsts].astype(np.float32)),
        },
        "indices": buffer.indices(indices, len(firsts)),
        "material": material,
        "mode": 4,
        "extensions": {"EXT_mesh_features": feature_ids(feature_count)},
    }


def _linear(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.concatenate([LINEAR_LIGHT[colours[:, :3]], colours[:, 3:]], axis=1)


def _document(
    meshes: Meshes,
    drawn: Sequence[dict[str, Any] | None],
    metadata: dict[str, Any],
    buffer: Buffer,
) -> dict[str, Any]:
    present = [mesh for mesh in drawn if mesh]
    nodes = [
        {"name": mesh["name"], "mesh": number, "translation": meshes.origin_m.tolist()}
        for number, mesh in enumerate(present)
    ]
    root: dict[str, Any] = {"name": "model", "matrix": Z_UP_TO_Y_UP}
    if nodes:  # glTF forbids empty lists
        root["children"] = [*range(1, len(nodes) + 1)]
    document = {
        "asset": {"version": "2.0", "generator": "Wanwu Twin"},
        "extensionsUsed": ["EXT_mesh_features", "EXT_structural_metadata"] if present else [],
        "extensions": {"EXT_structural_metadata": metadata} if present else {},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [root, *nodes],
        "meshes": present,
        "materials": MATERIALS if present else [],
        **buffer.document(),
    }
    return {name: value for name, value in document.items() if value not in ([], {})}
