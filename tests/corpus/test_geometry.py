"""Real files: bodies stand where opencascade has them, and nothing is missing without a word."""

import asyncio

import ifcopenshell
import numpy as np
import pytest

from bench import boxes
from bim.child import call
from bim.glb import Feature, encode
from bim.mesh import mesh
from bim.mesh_child import keys

pytestmark = pytest.mark.corpus
FILES = [
    "Duplex_A_20110907_georeferenced.ifc",
    "ROOT-houten_kozijnen.ifc",
    "ROOT-kalkzandsteen.ifc",
    "RumbleStrip-INDOT.ifc",
    "infra-bridge.ifc",
    "xbim_House.ifc",
]
LINDEN = pytest.param("LINDEN_-_Kozijnen.ifc", marks=pytest.mark.long)  # opencascade takes 40 s


@pytest.mark.parametrize("name", [*FILES, LINDEN])
def test_99_of_100_boxes_agree_with_opencascade_within_5_cm(shared_dir, name):
    found = boxes.compare(shared_dir / "ifc" / name)
    assert found.shaped > 0
    assert found.share() >= boxes.MUST, found.others


@pytest.mark.parametrize("name", ["PR-Twin-Branch-PavementElements.ifc", *FILES[-2:]])
def test_every_product_with_a_representation_has_a_shape_row(shared_dir, tmp_path, name):
    meshes, path = _meshed(shared_dir / "ifc" / name, tmp_path)
    expected = [key for key, _ in keys(ifcopenshell.open(str(path)))]
    assert [shape.guid for shape in meshes.shapes] == expected


def test_survey_coordinates_keep_a_millimetre(shared_dir, tmp_path):
    """This file's local coordinates are 1.3 million metres from its origin."""
    source = shared_dir / "ifc" / "PR-Twin-Branch-PavementElements.ifc"
    meshes, _ = _meshed(source, tmp_path)
    spacing = np.spacing(np.abs(meshes.positions).max())
    assert meshes.origin_m[0] > 1e6
    assert spacing < 0.001


def test_meshing_again_gives_the_same_bytes(shared_dir, tmp_path):
    source = shared_dir / "ifc" / "pcert-building-architecture.ifc"
    once, _ = _meshed(source, tmp_path / "once")
    again, _ = _meshed(source, tmp_path / "again")
    assert _glb(once) == _glb(again)


def _meshed(source, folder):
    folder.mkdir(exist_ok=True)
    path = folder / "model.ifc"
    asyncio.run(call("bim.steps:normalise_file", str(source), str(path)))
    return asyncio.run(mesh(path, folder / "mesh")), path


def _glb(meshes):
    return encode(
        meshes, [Feature(s.guid, s.guid, "Element", "", "", "") for s in meshes.shapes if s.parts]
    )
