"""What was read of one file before the city knows of it; kept as one file where a person decides.

prepare → ``write`` → (held: hours, a restart) → ``read`` → activate
The file is our own: the three arrays of the bodies one after the other, then the rest as msgpack.
"""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from bim.mesh_assembly import Meshes
from bim.rows import Extract, Finding, Shape
from identity.errors import Invalid


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows, bodies and findings of one file, and the schema that it declared."""

    rows: Extract
    declared_schema: str
    meshes: Meshes
    findings: list[Finding] = field(default_factory=list)

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shapes by GUID."""
        return {shape.guid: shape for shape in self.meshes.shapes}


class _Rest(msgspec.Struct):
    name: str
    rows: Extract
    declared_schema: str
    shapes: list[Shape]
    mesh_findings: list[Finding]
    findings: list[Finding]


def write(prepared: Prepared, path: Path, name: str) -> None:
    """Write ``prepared`` to a new file at ``path``; ``name`` makes it differ from its equals."""
    meshes = prepared.meshes
    rest = _Rest(
        name,
        prepared.rows,
        prepared.declared_schema,
        meshes.shapes,
        meshes.findings,
        prepared.findings,
    )
    with path.open("xb") as file:
        for array in (meshes.positions, meshes.indices, meshes.origin_m):
            np.save(file, array, allow_pickle=False)
        file.write(msgspec.msgpack.encode(rest))


def read(path: Path) -> Prepared:
    """Return what ``write`` wrote; Invalid("held_unreadable") where another release wrote it."""
    try:
        with path.open("rb") as file:
            arrays = [np.load(file, allow_pickle=False) for _ in range(3)]
            rest = msgspec.msgpack.decode(file.read(), type=_Rest)
    except (ValueError, msgspec.MsgspecError) as error:
        raise Invalid("held_unreadable", reason=str(error)[:200]) from error
    positions, indices, origin_m = arrays
    meshes = Meshes(rest.shapes, positions, indices, origin_m, rest.mesh_findings)
    return Prepared(rest.rows, rest.declared_schema, meshes, rest.findings)
