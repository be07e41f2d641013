"""Each product has a body, or a finding says why not, and nothing stops the rest."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bim import child, mesh_share
from bim import mesh as mesh_module
from bim.child import Limits
from bim.mesh import mesh
from bim.rows import Severity
from identity.errors import CityError

pytestmark = pytest.mark.anyio
PROBE = Path(__file__).with_name("mesh_probe.py")
GUIDS = [f"0000000000000000000{number:03d}" for number in range(100)]
HEAD = """ISO-10303-21;
HEADER;
FILE_DESCRIPTION((''),'2;1');
FILE_NAME('','',(''),(''),'','','');
FILE_SCHEMA(('IFC4'));
ENDSEC;
DATA;
#1=IFCSIUNIT(*,.LENGTHUNIT.,.MILLI.,.METRE.);
#2=IFCUNITASSIGNMENT((#1));
#3=IFCCARTESIANPOINT((0.,0.,0.));
#4=IFCAXIS2PLACEMENT3D(#3,$,$);
#5=IFCGEOMETRICREPRESENTATIONCONTEXT('Body','Model',3,1.E-5,#4,$);
#6=IFCPROJECT('0000000000000000000900',$,'P',$,$,$,$,(#5),#2);
#7=IFCDIRECTION((0.,0.,1.));
#8=IFCRECTANGLEPROFILEDEF(.AREA.,$,$,2000.,1000.);
#9=IFCEXTRUDEDAREASOLID(#8,$,#7,3000.);
"""
BASELESS = "IFCCONVERSIONBASEDUNIT($,.LENGTHUNIT.,'FOOT',$)"


class File:
    """An IFC file in millimetres; every product is a body of 2 x 1 x 3 m on its placement."""

    def __init__(self):
        self.lines = []
        self.next = 100

    def line(self, text):
        self.next += 1
        self.lines.append(f"#{self.next}={text};")
        return self.next

    def placement(self, x=0.0, y=0.0, z=0.0):
        point = self.line(f"IFCCARTESIANPOINT(({x},{y},{z}))")
        return self.line(f"IFCLOCALPLACEMENT($,#{self.line(f'IFCAXIS2PLACEMENT3D(#{point},$,$)')})")

    def product(self, guid, *, name="$", at=None, item=9, ifc_class="IFCWALL"):
        at = self.placement() if at is None else at
        shape = self.line(f"IFCSHAPEREPRESENTATION(#5,'Body','SweptSolid',(#{item}))")
        shape = self.line(f"IFCPRODUCTDEFINITIONSHAPE($,$,(#{shape}))")
        name = name if name in {"$", "*"} else f"'{name}'"
        return self.line(f"{ifc_class}('{guid}',$,{name},$,$,#{at},#{shape},$,$)")

    def style(self, item, red, green, blue, transparency):
        colour = self.line(f"IFCCOLOURRGB($,{red},{green},{blue})")
        shading = self.line(f"IFCSURFACESTYLESHADING(#{colour},{transparency})")
        style = self.line(f"IFCSURFACESTYLE($,.BOTH.,(#{shading}))")
        self.line(f"IFCSTYLEDITEM(#{item},(#{style}),$)")

    def write(self, folder):
        path = folder / "model.ifc"
        path.write_text(HEAD + "\n".join(self.lines) + "\nENDSEC;\nEND-ISO-10303-21;\n")
        return path


@pytest.fixture
def file():
    return File()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Mesh a File with the probe as child."""
    monkeypatch.setattr(child, "_command", lambda: [sys.executable, str(PROBE)])

    async def meshed(file, guids=None, **options):
        return await mesh(file.write(tmp_path), tmp_path / "mesh", guids, **options)

    return meshed


def kernels(meshes):
    return {shape.guid: shape.kernel for shape in meshes.shapes}


def box(meshes, guid):
    (found,) = [shape.box_m for shape in meshes.shapes if shape.guid == guid]
    return pytest.approx(found, abs=1e-6)


async def test_a_body_is_in_metres_in_the_local_frame_whatever_the_unit(file, run):
    file.product(GUIDS[1], at=file.placement(5_000.0, 7_000.0, 1_000.0))
    meshes = await run(file)
    assert box(meshes, GUIDS[1]) == (4.0, 6.5, 1.0, 6.0, 7.5, 4.0)
    positions = meshes.positions + meshes.origin_m
    assert positions.min(axis=0).tolist() == pytest.approx([4.0, 6.5, 1.0])
    assert positions.max(axis=0).tolist() == pytest.approx([6.0, 7.5, 4.0])
    assert (len(meshes.indices) // 3, meshes.indices.max() + 1) == (12, len(meshes.positions))
    assert meshes.findings == []


async def test_a_model_far_from_its_origin_does_not_jitter(file, run):
    file.product(GUIDS[1], at=file.placement(38_529_299_123.0, 3_385_869_457.0, 21_001.0))
    meshes = await run(file)
    assert np.abs(meshes.positions).max() < 10
    low = (meshes.positions.astype(float) + meshes.origin_m).min(axis=0)
    assert low.tolist() == pytest.approx([38_529_298.123, 3_385_868.957, 21.001], abs=1e-5)


async def test_colours_come_from_the_style_else_from_the_class(file, run):
    glass = file.line("IFCEXTRUDEDAREASOLID(#8,$,#7,1000.)")
    file.style(glass, 0.0, 0.5, 1.0, 0.6)
    brick = file.line("IFCEXTRUDEDAREASOLID(#8,$,#7,500.)")
    file.style(brick, 1.0, 0.0, 0.0, "$")
    file.product(GUIDS[1], item=glass)
    file.product(GUIDS[2], item=brick)
    file.product(GUIDS[3])
    meshes = await run(file)
    assert [shape.parts[0][2:] for shape in meshes.shapes] == [
        (0, 128, 255, 102),
        (255, 0, 0, 255),
        (222, 216, 205, 255),
    ]


async def test_a_repeated_guid_is_told_apart_like_in_the_rows(file, run):
    for z in (0.0, 1_000.0, 2_000.0):
        file.product(GUIDS[1], at=file.placement(z=z))
    meshes = await run(file)
    found = [(shape.guid, round(shape.box_m[2])) for shape in meshes.shapes]
    assert found == [(GUIDS[1], 0), (f"{GUIDS[1]}#2", 1), (f"{GUIDS[1]}#3", 2)]


async def test_only_what_is_wanted_is_meshed(file, run):
    for guid in GUIDS[1:4]:
        file.product(guid)
    assert list(kernels(await run(file, [GUIDS[2]]))) == [GUIDS[2]]


async def test_openings_and_virtual_elements_have_no_body(file, run):
    file.product(GUIDS[1])
    file.product(GUIDS[2], ifc_class="IFCOPENINGELEMENT")
    file.product(GUIDS[3], ifc_class="IFCVIRTUALELEMENT")
    file.lines[-1] = file.lines[-1].replace(",$,$);", ",$);")
    assert list(kernels(await run(file))) == [GUIDS[1]]


async def test_lines_are_no_body_and_counted_in_one_finding(file, run):
    end = file.line("IFCCARTESIANPOINT((1.,0.,0.))")
    line = file.line(f"IFCPOLYLINE((#3,#{end}))")
    for guid in GUIDS[1:3]:
        file.product(guid, item=line)
    meshes = await run(file)
    assert kernels(meshes) == {GUIDS[1]: "none", GUIDS[2]: "none"}
    (finding,) = meshes.findings
    assert (finding.code, finding.severity) == ("mesh_no_faces", Severity.INFO)
    assert finding.facts == {"count": 2, "classes": {"IfcWall": 2}}


async def test_a_name_written_as_derived_costs_no_body(file, run):
    file.product(GUIDS[1], name="*")
    assert kernels(await run(file)) == {GUIDS[1]: "cgal-simple"}


async def test_a_product_that_kills_one_kernel_is_meshed_by_the_next(file, run):
    file.product(GUIDS[1])
    file.product(GUIDS[2], name="dies cgal-simple")
    file.product(GUIDS[3])
    meshes = await run(file)
    assert kernels(meshes) == {
        GUIDS[1]: "cgal-simple",
        GUIDS[2]: "opencascade",
        GUIDS[3]: "cgal-simple",
    }
    (finding,) = meshes.findings
    assert (finding.code, finding.guid) == ("mesh_child_ended", GUIDS[2])
    assert finding.facts == {"ifc_class": "IfcWall", "ended": "cgal-simple: child_died"}


async def test_opencascade_alone_is_a_whole_way(file, run):
    """The way without GPL kernels (TWIN_MESH_KERNELS=opencascade)."""
    for guid in GUIDS[1:3]:
        file.product(guid)
    meshes = await run(file, kernels=("opencascade",))
    assert kernels(meshes) == {GUIDS[1]: "opencascade", GUIDS[2]: "opencascade"}


@pytest.mark.parametrize(("word", "reason"), [("dies", "child_died"), ("hangs", "child_timeout")])
async def test_a_product_that_kills_every_kernel_becomes_a_box_and_a_finding(
    file, run, word, reason
):
    file.product(GUIDS[1])
    file.product(GUIDS[2], name=word, at=file.placement(10_000.0, 20_000.0, 3_000.0))
    file.product(GUIDS[3])
    meshes = await run(file, limits=Limits(silence_s=1.0))
    assert list(kernels(meshes).values()) == ["cgal-simple", "placeholder", "cgal-simple"]
    assert box(meshes, GUIDS[2]) == (9.0, 19.5, 3.0, 11.0, 20.5, 6.0)
    ended, boxed = meshes.findings
    assert (ended.code, ended.guid) == ("mesh_child_ended", GUIDS[2])
    assert ended.facts["ended"] == f"cgal-simple: {reason}, opencascade: {reason}"
    assert (boxed.code, boxed.guid) == ("mesh_placeholder", GUIDS[2])
    assert boxed.facts == {"ifc_class": "IfcWall", "reason": reason}


async def test_a_product_that_burns_the_processor_in_two_kernels_is_tried_in_no_third(file, run):
    file.product(GUIDS[1])
    file.product(GUIDS[2], name="burns")
    meshes = await run(
        file, kernel_s=0.2, kernels=["cgal-simple", "opencascade", "cgal"], limits=Limits()
    )
    assert {GUIDS[1]: "cgal-simple", GUIDS[2]: "placeholder"} == kernels(meshes)
    ended, boxed = meshes.findings
    assert "cgal-simple: child_timeout, opencascade: child_timeout" == ended.facts["ended"]
    assert (GUIDS[2], "child_timeout") == (boxed.guid, boxed.facts["reason"])


async def test_a_kernel_that_burns_the_processor_leaves_the_product_to_the_next(file, run):
    file.product(GUIDS[1], name="burns cgal-simple")
    meshes = await run(file, kernel_s=0.2)
    assert {GUIDS[1]: "opencascade"} == kernels(meshes)
    assert ["cgal-simple: child_timeout"] == [found.facts["ended"] for found in meshes.findings]


async def test_a_product_that_is_walked_for_ever_is_blamed_and_not_the_one_before(file, run):
    file.product(GUIDS[1])
    file.product(GUIDS[2], name="endless")
    file.product(GUIDS[3], name="odd")
    file.product(GUIDS[4])
    meshes = await run(file, kernel_s=0.2)
    assert ["cgal-simple", "placeholder", "placeholder", "cgal-simple"] == [
        *kernels(meshes).values()
    ]
    said = [
        (found.guid, found.facts.get("ended") or found.facts["reason"]) for found in meshes.findings
    ]
    assert [
        (GUIDS[2], "reading: child_timeout"),
        (GUIDS[2], "child_timeout"),
        (GUIDS[3], "AttributeError: odd"),
    ] == said


async def test_a_body_beyond_all_places_is_a_box_and_keeps_no_other_from_its_shape(file, run):
    file.product(GUIDS[1], at=file.placement(1e308, 0.0, 0.0))
    file.product(GUIDS[2])
    meshes = await run(file)
    assert {GUIDS[1]: "placeholder", GUIDS[2]: "cgal-simple"} == kernels(meshes)
    assert np.isfinite(meshes.positions).all()
    assert np.abs(meshes.origin_m).max() < 10


async def test_a_length_unit_without_a_base_costs_placeholders_their_place_and_nothing_else(
    file, run, monkeypatch
):
    broken = HEAD.replace("IFCSIUNIT(*,.LENGTHUNIT.,.MILLI.,.METRE.)", BASELESS)
    assert broken != HEAD
    monkeypatch.setitem(globals(), "HEAD", broken)
    file.product(GUIDS[1], name="odd")
    file.product(GUIDS[2])
    meshes = await run(file)
    assert {GUIDS[1]: "placeholder", GUIDS[2]: "cgal-simple"} == kernels(meshes)


async def test_after_too_many_deaths_the_rest_are_boxes_and_none_is_missing(file, run, monkeypatch):
    monkeypatch.setattr(mesh_share, "DEATHS_MAX", 2)
    for number in range(1, 5):
        file.product(GUIDS[number], name="dies")
    file.product(GUIDS[5])
    meshes = await run(file)
    assert list(kernels(meshes)) == GUIDS[1:6]
    boxed = [finding for finding in meshes.findings if finding.code == "mesh_placeholder"]
    assert {finding.facts["reason"] for finding in boxed} == {"child_died", "gave_up"}
    assert len(meshes.findings) - len(boxed) <= 2


async def test_out_of_time_gives_boxes_and_none_is_missing(file, run):
    file.product(GUIDS[1])
    file.product(GUIDS[2], name="hangs")
    meshes = await run(file, limits=Limits(wall_s=4.0, silence_s=30.0))
    assert kernels(meshes) == {GUIDS[1]: "cgal-simple", GUIDS[2]: "placeholder"}


async def test_endless_placements_and_booleans_stop_nobody_else(file, run):
    at = file.line("IFCLOCALPLACEMENT(#101,#4)")
    file.product(GUIDS[1], at=at)
    boolean = file.next + 1
    file.line(f"IFCBOOLEANRESULT(.DIFFERENCE.,#{boolean},#9)")
    file.product(GUIDS[2], item=boolean)
    file.product(GUIDS[3])
    meshes = await run(file)
    assert list(kernels(meshes).values()) == ["placeholder", "placeholder", "cgal-simple"]
    assert [(finding.guid, finding.facts["reason"]) for finding in meshes.findings] == [
        (GUIDS[1], "placement_depth"),
        (GUIDS[2], "boolean_depth"),
    ]


async def test_two_shares_give_what_one_gives(file, run, monkeypatch):
    for number in range(1, 6):
        file.product(GUIDS[number], at=file.placement(x=number * 3_000.0))
    one = await run(file)
    monkeypatch.setattr(mesh_module, "LARGE_BYTES", 0)
    monkeypatch.setattr(mesh_module.os, "cpu_count", lambda: 2)
    two = await run(file)
    assert two.shapes == one.shapes
    assert two.positions.tobytes() == one.positions.tobytes()
    assert two.indices.tobytes() == one.indices.tobytes()


async def test_progress_grows_to_the_end(file, run):
    for number in range(1, 6):
        file.product(GUIDS[number])
    seen = []
    await run(file, progress=lambda *said: seen.append(said))
    assert {stage for stage, _ in seen} == {"meshing"}
    assert seen == sorted(seen)
    assert seen[-1] == ("meshing", 1.0)


async def test_a_file_that_cannot_be_opened_is_refused(file, tmp_path):
    path = file.write(tmp_path)
    path.write_text(path.read_text().replace("IFC4", "IFC9"))
    with pytest.raises(CityError) as caught:
        await mesh(path, tmp_path / "mesh")
    assert caught.value.code == "child_failed"


async def test_an_unknown_kernel_is_refused_by_name(file, run):
    with pytest.raises(CityError) as caught:
        await run(file, kernels=("opencascade", "occ"))
    assert (caught.value.code, caught.value.facts["kernel"]) == ("mesh_kernel", "occ")
