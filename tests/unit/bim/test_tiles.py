"""The tileset: one child a root entity, one leaf a document, volumes that hold what is below."""

import itertools

import numpy as np

from bim.tiles import tileset
from cim.crs import enu_to_ecef
from cim.model import Tile

BOX = (-10.0, -5.0, 0.0, 30.0, 15.0, 24.0)


def tile(root, document, *, lon=114.4, placed=True, box=BOX):
    transform = enu_to_ecef(lon, 30.5, 20.0, 15.0, 1.0) if placed else None
    return Tile(root, document, f"{document}.glb", 10, 20, 30, box, transform, f"图 {document}")


def url(entry):
    return f"/blobs/{entry.blob}"


def corners(volume):
    centre, *axes = np.array(volume["box"]).reshape(4, 3)
    return np.array(
        [centre + np.array(signs) @ axes for signs in itertools.product((-1, 1), repeat=3)]
    )


def holds(volume, points, margin_m=1e-3):
    found = corners(volume)
    return bool(
        (points >= found.min(axis=0) - margin_m).all()
        and (points <= found.max(axis=0) + margin_m).all()
    )


def in_ecef(leaf):
    matrix = np.array(leaf["transform"]).reshape(4, 4).T
    return corners(leaf["boundingVolume"]) @ matrix[:3, :3].T + matrix[:3, 3]


def test_documents_hang_under_their_root_entity_ordered_by_code():
    found = tileset([tile("B2", "D3"), tile("B1", "D2"), tile("B1", "D1")], url)
    tree = [
        (entity["extras"]["root"], [leaf["content"]["uri"] for leaf in entity["children"]])
        for entity in found["root"]["children"]
    ]
    assert tree == [("B1", ["/blobs/D1.glb", "/blobs/D2.glb"]), ("B2", ["/blobs/D3.glb"])]
    assert found["asset"] == {"version": "1.1"}


def test_a_leaf_keeps_its_transform_box_and_codes():
    (entity,) = tileset([tile("B1", "D1")], url)["root"]["children"]
    (leaf,) = entity["children"]
    assert leaf["transform"] == list(enu_to_ecef(114.4, 30.5, 20.0, 15.0, 1.0))
    assert leaf["boundingVolume"]["box"] == [10, 5, 12, 20, 0, 0, 0, 10, 0, 0, 0, 12]
    assert leaf["geometricError"] == 0
    assert leaf["extras"] == {
        "root": "B1",
        "document": "D1",
        "name": "图 D1",
        "bytes": 10,
        "triangles": 20,
        "features": 30,
    }


def test_every_volume_holds_what_is_below_and_errors_fall_downwards():
    city = tileset([tile("B1", "D1"), tile("B2", "D2", lon=114.41)], url)
    root = city["root"]
    for entity in root["children"]:
        (leaf,) = entity["children"]
        assert holds(entity["boundingVolume"], in_ecef(leaf))
        assert holds(root["boundingVolume"], corners(entity["boundingVolume"]))
        assert root["geometricError"] > entity["geometricError"] > leaf["geometricError"]
    assert city["geometricError"] == root["geometricError"]


def test_a_tile_without_a_position_is_not_listed():
    found = tileset([tile("B1", "D1", placed=False), tile("B2", "D2")], url)
    assert [entity["extras"]["root"] for entity in found["root"]["children"]] == ["B2"]


def test_a_city_without_tiles_is_an_empty_root_around_the_earth():
    found = tileset([], url)
    assert "children" not in found["root"]
    assert found["root"]["boundingVolume"]["sphere"][:3] == [0, 0, 0]


def test_a_flat_box_gets_a_thickness():
    (entity,) = tileset([tile("B1", "D1", box=(0, 0, 0, 10, 10, 0))], url)["root"]["children"]
    assert entity["children"][0]["boundingVolume"]["box"][-1] == 0.05


def test_the_order_of_the_input_changes_nothing():
    tiles = [tile("B2", "D3"), tile("B1", "D2"), tile("B1", "D1")]
    assert tileset(tiles, url) == tileset(tiles[::-1], url)
