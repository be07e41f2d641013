"""What the relations of a file say of its sensors, in the schemas that differ."""

from bim.extract import extract_file, load
from bim.rows import Instrument
from bim.translate_devices import devices
from tests.parts.ifc_sensors import DUCT, HALL, ROOM, ROOMS, guid, house, key, related, sensor
from tests.parts.ifc_text import BUILDING, STOREY


def read(tmp_path, *lines, schema="IFC4"):
    source, out = tmp_path / "in.ifc", tmp_path / "out.rows"
    source.write_bytes(house(*lines, schema=schema))
    extract_file(str(source), str(out))
    return load(out)


def test_containment_references_and_what_is_served_are_told_apart(tmp_path):
    extract = read(
        tmp_path,
        sensor(1),
        sensor(2, within=STOREY),
        related(2, "IFCRELREFERENCEDINSPATIALSTRUCTURE", HALL),
        sensor(3, kind="FLOWINSTRUMENT", sort="THERMOMETER", within=HALL),
        related(3, "IFCRELFLOWCONTROLELEMENTS", DUCT),
        related(3, "IFCRELASSIGNSTOPRODUCT", DUCT, at=3),
        sensor(4, kind="CONTROLLER", sort="PROGRAMMABLE", within=""),
        related(4, "IFCRELASSIGNSTOPRODUCT", BUILDING),
        sensor(5, kind="ALARM", sort="SIREN", within=""),
    )
    assert extract.instruments == [
        Instrument(key(1), "IfcSensor", within=ROOM),
        Instrument(key(2), "IfcSensor", seen_in=(HALL,), within=STOREY),
        Instrument(key(3), "IfcFlowInstrument", serves=(DUCT,), within=HALL),
        Instrument(key(4), "IfcController", serves=(BUILDING,)),
        Instrument(key(5), "IfcAlarm"),
    ]


def test_a_file_of_2x3_tells_by_its_type_and_names_the_point(tmp_path):
    old = [line.replace(",'T-1',.SOLIDWALL.);", ",'T-1');") for line in ROOMS]
    old = [line.replace("IFCDUCTSEGMENT", "IFCFLOWSEGMENT") for line in old]
    lines = [
        f"#300=IFCDISTRIBUTIONCONTROLELEMENT('{key(1)}',$,'CO2',$,$,#14,$,$,'AI-12');",
        f"#301=IFCSENSORTYPE('{guid('tYPE')}',$,'QPA',$,$,$,$,$,$,.CO2SENSOR.);",
        f"#302=IFCRELDEFINESBYTYPE('{guid('rT')}',$,$,$,(#300),#301);",
        f"#303=IFCRELCONTAINEDINSPATIALSTRUCTURE('{guid('rC')}',$,$,$,(#300),#200);",
        f"#310=IFCDISTRIBUTIONCONTROLELEMENT('{key(2)}',$,'no type',$,$,#14,$,$,17);",
    ]
    source, out = tmp_path / "in.ifc", tmp_path / "out.rows"
    source.write_bytes(house(lines, schema="IFC2X3").replace(
        "\n".join(ROOMS).encode(), "\n".join(old).encode()
    ))  # fmt: skip
    extract_file(str(source), str(out))
    extract = load(out)
    assert extract.instruments == [
        Instrument(key(1), "IfcSensor", point="AI-12", within=ROOM),
        Instrument(key(2), "IfcDistributionControlElement"),
    ]
    (device,), findings = devices(extract)
    assert (device.device, device.target, device.channels) == ("AI-12", ROOM, {"co2": "ppm"})
    assert [finding.code for finding in findings] == ["ifc_device_loose"]


def test_relations_that_name_numbers_and_strangers_are_passed_over(tmp_path):
    extract = read(
        tmp_path,
        sensor(1),
        [
            f"#400=IFCRELFLOWCONTROLELEMENTS('{guid('rX1')}',$,$,$,7,#202);",
            f"#401=IFCRELFLOWCONTROLELEMENTS('{guid('rX2')}',$,$,$,(#310),$);",
            f"#402=IFCRELASSIGNSTOPRODUCT('{guid('rX3')}',$,$,$,(#310),$,#14);",
        ],
    )
    assert extract.instruments == [Instrument(key(1), "IfcSensor", within=ROOM)]
