"""The GLB read back as the specifications say: container, accessors, features, metadata."""

import json
import struct
from itertools import pairwise

import numpy as np
import pytest

from bim.glb import Feature, encode
from bim.mesh_assembly import Meshes
from bim.rows import Shape

RED, GLASS, AIR = (255, 0, 0, 255), (0, 0, 255, 100), (0, 255, 0, 60)
TYPES = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
COMPONENTS = {5121: "<u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}


def square(number):
    x = float(number)
    return np.array([[x, 0, 0], [x + 1, 0, 0], [x + 1, 2, 0], [x, 2, 3]], np.float32)


def meshes(*shapes, origin=(0.0, 0.0, 0.0)):
    """Each shape is (guid, colour of its first triangle, of its second)."""
    rows = []
    for number, (guid, *colours) in enumerate(shapes):
        parts = tuple((number * 6 + 3 * i, 3, *colour) for i, colour in enumerate(colours))
        rows.append(Shape(guid, "opencascade", (0, 0, 0, 1, 1, 1), parts))
    faces = np.array([0, 1, 2, 0, 2, 3], np.uint32)
    return Meshes(
        rows,
        np.concatenate([square(number) for number in range(len(shapes))]),
        np.concatenate([faces + 4 * number for number in range(len(shapes))]).astype(np.uint32),
        np.array(origin),
    )


def feature(guid, code, kind="Element", name="", storey=""):
    return Feature(guid, code, kind, "IfcWall", name, storey)


class Read:
    """A GLB, read without any library."""

    def __init__(self, data):
        magic, version, length = struct.unpack_from("<III", data)
        assert (magic, version, length) == (0x46546C67, 2, len(data))
        size, kind = struct.unpack_from("<II", data, 12)
        assert (kind, size % 4) == (0x4E4F534A, 0)
        self.json = json.loads(data[20 : 20 + size])
        rest = data[20 + size :]
        self.at = 28 + size
        self.data = rest[8:]
        if rest:
            assert struct.unpack_from("<II", rest) == (len(self.data), 0x004E4942)

    def view(self, number):
        view = self.json["bufferViews"][number]
        return self.data[view["byteOffset"] :][: view["byteLength"]]

    def accessor(self, number):
        accessor = self.json["accessors"][number]
        values = np.frombuffer(
            self.view(accessor["bufferView"]), COMPONENTS[accessor["componentType"]]
        )
        values = values.reshape(accessor["count"], TYPES[accessor["type"]])
        return values[:, 0] if accessor["type"] == "SCALAR" else values

    def primitives(self, node):
        names = {node["name"]: node for node in self.json["nodes"]}
        return self.json["meshes"][names[node]["mesh"]]["primitives"] if node in names else []

    def triangles(self, primitive):
        """Return (n, 3, 3) corners as the file has them."""
        points = self.accessor(primitive["attributes"]["POSITION"])
        return points[self.accessor(primitive["indices"])].reshape(-1, 3, 3)

    def table(self):
        (table,) = self.json["extensions"]["EXT_structural_metadata"]["propertyTables"]
        found = {}
        for name, column in table["properties"].items():
            ends = np.frombuffer(self.view(column["stringOffsets"]), "<u4")
            values = self.view(column["values"])
            found[name] = [values[a:b].decode() for a, b in pairwise(ends)]
        return table["count"], found


def test_the_property_table_names_every_feature_once():
    model = meshes(("a", RED), ("b", RED), ("c", RED))
    read = Read(
        encode(
            model,
            [
                feature("a", "C1", name="外墙-001", storey="S1"),
                feature("b", "C2", name=""),
                feature("c", "C1", name="other"),
            ],
        )
    )
    assert read.table() == (
        2,
        {
            "code": ["C1", "C2"],
            "kind": ["Element", "Element"],
            "ifc_class": ["IfcWall", "IfcWall"],
            "name": ["外墙-001", ""],
            "storey": ["S1", ""],
        },
    )
    (primitive,) = read.primitives("elements")
    ids = read.accessor(primitive["attributes"]["_FEATURE_ID_0"])
    assert ids[read.accessor(primitive["indices"])].tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    assert primitive["extensions"]["EXT_mesh_features"] == {
        "featureIds": [{"featureCount": 2, "attribute": 0, "propertyTable": 0}]
    }


def test_a_column_that_is_empty_everywhere_is_left_to_the_default():
    read = Read(encode(meshes(("a", RED)), [feature("a", "C1")]))
    assert set(read.table()[1]) == {"code", "kind", "ifc_class"}
    schema = read.json["extensions"]["EXT_structural_metadata"]["schema"]
    assert schema["classes"]["feature"]["properties"]["name"] == {"type": "STRING", "default": ""}


def test_triangles_keep_their_places_and_what_has_no_feature_is_left_out():
    model = meshes(("a", RED, RED), ("b", RED), ("c", RED))
    read = Read(encode(model, [feature("a", "C1"), feature("c", "C3")]))
    (primitive,) = read.primitives("elements")
    expected = model.positions[[0, 1, 2, 0, 2, 3, 8, 9, 10]].reshape(-1, 3, 3)
    assert read.triangles(primitive).tolist() == expected.tolist()
    accessor = read.json["accessors"][primitive["attributes"]["POSITION"]]
    assert (accessor["min"], accessor["max"]) == ([0, 0, 0], [3, 2, 3])


def test_see_through_triangles_and_spaces_are_apart():
    model = meshes(("a", RED, GLASS), ("r", AIR))
    read = Read(encode(model, [feature("a", "C1"), feature("r", "C2", kind="Space")]))
    modes = [material["alphaMode"] for material in read.json["materials"]]
    found = {
        node: [(modes[p["material"]], len(read.triangles(p))) for p in read.primitives(node)]
        for node in ("elements", "spaces")
    }
    assert found == {"elements": [("OPAQUE", 1), ("BLEND", 1)], "spaces": [("BLEND", 1)]}


def test_colours_are_linear_light_and_their_vertices_are_not_shared():
    blue = (0, 0, 128, 255)
    read = Read(encode(meshes(("a", RED, blue)), [feature("a", "C1")]))
    (primitive,) = read.primitives("elements")
    colours = read.accessor(primitive["attributes"]["COLOR_0"])
    assert colours[read.accessor(primitive["indices"])].tolist() == [
        *[[255, 0, 0, 255]] * 3,
        *[[0, 0, 55, 255]] * 3,
    ]
    assert len(colours) == 6


def test_a_vertex_shared_by_triangles_of_one_colour_is_written_once():
    read = Read(encode(meshes(("a", RED, RED)), [feature("a", "C1")]))
    (primitive,) = read.primitives("elements")
    assert len(read.accessor(primitive["attributes"]["POSITION"])) == 4


def test_the_frame_is_turned_to_y_up_and_the_origin_stays_double():
    origin = (38_529_299.125, 3_385_869.5, 21.0)
    read = Read(encode(meshes(("a", RED), origin=origin), [feature("a", "C1")]))
    root, child = read.json["nodes"]
    matrix = np.array(root["matrix"]).reshape(4, 4).T
    assert (matrix @ (1, 2, 3, 1)).tolist() == [1, 3, -2, 1]
    assert (root["children"], child["translation"]) == ([1], list(origin))


def test_views_are_aligned_to_eight_bytes_in_the_file():
    read = Read(encode(meshes(("a", RED)), [feature("a", "C12", name="墙")]))
    assert [(read.at + view["byteOffset"]) % 8 for view in read.json["bufferViews"]] == [
        0 for _ in read.json["bufferViews"]
    ]


@pytest.mark.parametrize(("count", "component"), [(65_535, 5123), (65_536, 5125)])
def test_indices_are_as_short_as_the_vertices_allow(count, component):
    points = np.zeros((count, 3), np.float32)
    indices = np.arange(count - count % 3, dtype=np.uint32)
    indices = np.concatenate([indices, [0, 1, count - 1]]).astype(np.uint32)
    indices = np.concatenate([indices, [0, count - 2, count - 1]]).astype(np.uint32)
    shape = Shape("a", "opencascade", (0, 0, 0, 1, 1, 1), ((0, len(indices), *RED),))
    model = Meshes([shape], points, indices, np.zeros(3))
    read = Read(encode(model, [feature("a", "C1")]))
    (primitive,) = read.primitives("elements")
    assert read.json["accessors"][primitive["indices"]]["componentType"] == component


def test_equal_input_gives_equal_bytes():
    features = [feature("b", "C2"), feature("a", "C1", kind="Space")]
    model = meshes(("a", AIR), ("b", RED, GLASS))
    assert encode(model, features) == encode(model, list(features))


def test_nothing_to_draw_is_still_a_file():
    read = Read(encode(meshes(("a", RED)), []))
    assert read.json == {
        "asset": {"version": "2.0", "generator": "Wanwu Twin"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "model", "matrix": [1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1]}],
    }
