"""``python -m bench boxes FILE…``: our bodies stand where opencascade has them, within 5 cm.

Per file: the products that plain opencascade gives faces, how many of our boxes agree with it on
all six sides (a placeholder counts as missing), seconds of both, and the names of all others. The
oracle is asked directly, product by product, and knows nothing of ``bim.mesh``.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ifcopenshell
import ifcopenshell.geom
import numpy as np

from bim.child import call
from bim.mesh import KERNELS, mesh
from bim.mesh_child import keys
from identity.errors import CityError

TOLERANCE_M = 0.05
MUST = 0.99
Box = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """The counts of one file. ``others`` tell class, key, and what is wrong."""

    name: str
    shaped: int
    agreeing: int
    others: list[str]
    ours_s: float
    theirs_s: float

    def share(self) -> float:
        """Return the share of opencascade's products that we have where it has them."""
        return self.agreeing / self.shaped if self.shaped else 1.0


def main(argv: list[str]) -> int:
    """Compare every file; 1 when one of them has less than MUST."""
    compared = [found for path in argv for found in _tried(Path(path))]
    shaped, agreeing = sum(c.shaped for c in compared), sum(c.agreeing for c in compared)
    ours_s, theirs_s = sum(c.ours_s for c in compared), sum(c.theirs_s for c in compared)
    answer = {
        "name": "boxes",
        "ours": agreeing,
        "unit": "products whose box agrees within 5 cm",
        "peer": shaped,
        "peer_name": f"opencascade, ifcopenshell {ifcopenshell.version}",
        "ratio": agreeing / shaped if shaped else None,
        "n": len(compared),
        "notes": f"kernels {'+'.join(KERNELS)} {ours_s:.1f} s, opencascade alone {theirs_s:.1f} s",
    }
    print(json.dumps(answer))
    return 0 if compared and all(found.share() >= MUST for found in compared) else 1


def _tried(path: Path) -> Iterable[Compared]:
    try:
        found = compare(path)
    except CityError as refusal:
        print(f"{path.name}: refused, {refusal}")
        return
    print(
        f"{found.name}: opencascade shapes {found.shaped} products, {found.agreeing} of ours agree "
        f"({found.share():.2%}); {found.ours_s:.1f} s against {found.theirs_s:.1f} s"
    )
    for other in found.others:
        print(f"    {other}")
    yield found


def compare(path: Path) -> Compared:
    """Normalise, mesh and compare one file; raises what the import raises."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.ifc"
        asyncio.run(call("bim.steps:normalise_file", str(path), str(model)))
        started = time.perf_counter()
        meshes = asyncio.run(mesh(model, Path(folder) / "mesh"))
        meshed = time.perf_counter()
        theirs = oracle(ifcopenshell.open(str(model)))
        asked = time.perf_counter()
    ours = {s.guid: s.box_m for s in meshes.shapes if s.box_m and s.kernel != "placeholder"}
    others = [
        f"{ifc_class} {key}: {_difference(ours.get(key), box)}"
        for key, (ifc_class, box) in theirs.items()
        if not _agrees(ours.get(key), box)
    ]
    count = len(theirs)
    return Compared(path.name, count, count - len(others), others, meshed - started, asked - meshed)


def oracle(file: Any) -> dict[str, tuple[str, Box]]:
    """Return (class, box in metres) by key of all products that opencascade gives a face."""
    known = {product.id(): key for key, product in keys(file)}
    settings = ifcopenshell.geom.settings()  # type: ignore[no-untyped-call] # theirs
    settings.set("use-world-coords", True)
    found = {}
    for product in file.by_type("IfcProduct"):
        if product.Representation and not product.is_a("IfcFeatureElementSubtraction"):
            box = _opencascade(settings, product)
            if box is not None:
                key = known.get(product.id(), f"{product.GlobalId} (no row)")
                found[key] = (product.is_a(), box)
    return found


def _opencascade(settings: Any, product: Any) -> Box | None:
    try:
        shape: Any = ifcopenshell.geom.create_shape(
            settings, product, geometry_library="opencascade"
        )
    except RuntimeError:  # it has no shape for it: that is the question asked
        return None
    if not shape.geometry.faces:
        return None
    points = np.frombuffer(shape.geometry.verts_buffer).reshape(-1, 3)
    return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def _agrees(ours: Box | None, theirs: Box) -> bool:
    return ours is not None and bool(np.abs(np.subtract(ours, theirs)).max() <= TOLERANCE_M)


def _difference(ours: Box | None, theirs: Box) -> str:
    if ours is None:
        return "missing"
    return f"off by {np.abs(np.subtract(ours, theirs)).max():.3f} m"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
