"""Sensors of a model become devices: by which name, observing what, measuring what."""

import pytest

from bim.rows import Extract, Georef, Instrument, Provenance, Role, Row, Severity
from bim.translate_devices import PROPERTIES, Refused, devices, observed, places
from identity import code as uic
from identity.errors import Invalid
from twin.properties import default_table

ROOM, HALL, STOREY, PUMP, PROJECT = "room", "hall", "storey", "pump", "project"
TREE = [
    Row(PROJECT, "IfcProject", Role.PROJECT, 1),
    Row(STOREY, "IfcBuildingStorey", Role.STOREY, 2, parent=PROJECT),
    Row(ROOM, "IfcSpace", Role.SPACE, 3, parent=STOREY),
    Row(HALL, "IfcSpace", Role.SPACE, 4, parent=STOREY),
    Row(PUMP, "IfcPump", Role.ELEMENT, 5, parent=STOREY),
]
SERIAL = {"Pset_ManufacturerOccurrence": {"SerialNumber": "SN-9"}}


def thing(guid="s1", **facts):
    told = {"name": "T", "tag": "T-1", "predefined_type": "TEMPERATURESENSOR", **facts}
    return Row(guid, "IfcSensor", Role.ELEMENT, 9, parent=ROOM, **told)


def extract(*pairs):
    rows = [*TREE, *(row for row, _ in pairs)]
    made = [instrument for _, instrument in pairs]
    return Extract("IFC4", "p", "P", 1.0, rows, Georef(Provenance.NONE), [], instruments=made)


def instrument(guid="s1", sort="IfcSensor", within=ROOM, **facts):
    return Instrument(guid, sort, within=within, **facts)


def one(row, told=None, **how):
    return devices(extract((row, told or instrument(row.guid))), **how)


def named(**facts):
    """The name of the device that a row is, or the codes of the findings."""
    found, findings = one(thing(**facts))
    return found[0].device if found else [finding.code for finding in findings]


def test_a_thermometer_in_a_room_is_a_device_that_observes_the_room():
    found, findings = one(thing(type_name="TX"))
    (device,) = found
    assert findings == []
    assert (device.device, device.key, device.target, device.name) == ("T-1", "s1", ROOM, "T")
    assert (device.source, device.channels) == ("ifc", {"temperature": "Cel"})
    assert device.facts == {
        "ifc_guid": "s1",
        "ifc_class": "IfcSensor",
        "predefined_type": "TEMPERATURESENSOR",
        "type": "TX",
        "tag": "T-1",
    }


@pytest.mark.parametrize("sort", PROPERTIES)
def test_every_property_of_the_table_is_one_of_the_citys_in_its_unit(sort):
    table = default_table()
    said = {name: unit for row in PROPERTIES[sort].values() for name, unit in row.items()}
    assert said == {name: table[name].unit for name in said}


def test_the_first_place_that_says_anything_names_the_device():
    assert named(psets=SERIAL) == "SN-9"
    assert named(psets={"Pset_ManufacturerOccurrence": {"SerialNumber": 17}}) == "17"
    assert named(psets={"Pset_ManufacturerOccurrence": {"SerialNumber": " "}}) == "T-1"
    assert named(psets={"Pset_ManufacturerOccurrence": {"SerialNumber": True}}) == "T-1"
    assert named(tag="") == "T"
    assert named(tag="", name="") == ["ifc_device_unnamed"]
    (device,), _ = one(thing(psets=SERIAL), instrument(point="AI-7"))
    assert device.device == "AI-7"


def test_a_city_says_where_its_devices_are_named():
    row = thing(psets={"Pset.City": {"DeviceId": "d-1"}})
    (device,), _ = one(row, names=places(" Pset.City.DeviceId , Tag"))
    assert device.device == "d-1"
    _, (finding,) = one(thing(tag=""), names=places("Tag"))
    assert (finding.code, finding.facts["names"]) == ("ifc_device_unnamed", "Tag")
    for text in ("", "Serial", "Pset.", ".x"):
        with pytest.raises(Invalid) as refused:
            places(text)
        assert refused.value.code == "device_names"


@pytest.mark.parametrize(
    "tag",
    ["a/b", "a+", "#", "x" * 129, "a\u200bb", "11010519491231002X", uic.issue("420111990101", 1)],
)
def test_a_name_that_no_topic_holds_or_that_means_something_else_is_refused(tag):
    assert named(tag=tag, psets={}) == ["ifc_device_invalid"]


def test_two_elements_of_one_name_are_both_refused_and_the_next_place_is_not_tried():
    within = (ROOM, None, ROOM)
    pairs = [
        (thing(f"s{n}", tag=f"T-{n // 2}"), instrument(f"s{n}", within=within[n])) for n in range(3)
    ]
    found, findings = devices(extract(*pairs))
    assert [device.device for device in found] == ["T-1"]
    (finding,) = findings
    assert (finding.code, finding.severity) == ("ifc_device_repeated", Severity.WARNING)
    assert (finding.facts["samples"], finding.guid) == (["s0", "s1"], "s0")


@pytest.mark.parametrize(
    ("facts", "target"),
    [
        ({}, ROOM),
        ({"serves": (PUMP,)}, PUMP),
        ({"serves": (PUMP, HALL)}, Refused("ifc_device_targets")),
        ({"serves": ("s1",)}, ROOM),
        ({"seen_in": (HALL,)}, ROOM),
        ({"within": STOREY, "seen_in": (HALL,)}, HALL),
        ({"within": STOREY, "seen_in": (HALL, ROOM)}, Refused("ifc_device_targets")),
        ({"within": STOREY}, STOREY),
        ({"within": PUMP}, PUMP),
        ({"within": None, "seen_in": (STOREY,)}, STOREY),
        ({"within": PROJECT}, Refused("ifc_device_loose")),
        ({"within": None}, Refused("ifc_device_loose")),
    ],
)
def test_what_is_observed_is_what_the_nearest_relation_says(facts, target):
    rows = {row.guid: row for row in [*TREE, thing()]}
    assert observed(instrument(**facts), rows, {}) == target


def test_the_sensor_in_a_thermostat_observes_what_the_thermostat_does():
    pairs = [
        (thing("box", tag="B"), instrument("box", "IfcUnitaryControlElement", serves=(PUMP,))),
        (thing("part", tag="P"), instrument("part", within="box")),
        (thing("lost", tag="L"), instrument("lost", within=None)),
        (thing("core", tag="C"), instrument("core", within="lost")),
    ]
    found, findings = devices(extract(*pairs))
    assert [(device.device, device.target) for device in found] == [("B", PUMP), ("P", PUMP)]
    assert [f.facts["samples"] for f in findings if f.code == "ifc_device_loose"] == [
        ["lost", "core"]
    ]


def test_a_type_that_tells_no_property_is_bound_for_all_and_said():
    pairs = [
        (thing("a", tag="A", predefined_type="GASSENSOR"), instrument("a")),
        (thing("b", tag="B", predefined_type=""), instrument("b", "IfcController")),
        (thing("c", tag="C", predefined_type="THERMOMETER"), instrument("c", "IfcFlowInstrument")),
    ]
    found, (finding,) = devices(extract(*pairs))
    assert [dict(device.channels) for device in found] == [{}, {}, {"temperature": "Cel"}]
    assert (finding.code, finding.severity) == ("ifc_device_property", Severity.INFO)
    assert finding.facts["samples"] == ["a", "b"]
