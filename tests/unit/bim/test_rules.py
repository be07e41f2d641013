"""Rules on files made here: each verdict, what it names, and its limits."""

import re

import ifcopenshell
import ifcopenshell.guid
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.rows import Severity
from bim.rules.case import Case
from bim.rules.findings import findings
from bim.rules.table import RULES, run
from bim.rules.verdict import FAULTS_KEPT, Fault, Verdict, judge
from identity.errors import render
from tests.parts.ifc_text import HOUSE, ifc


class Made:
    """A file with a project; ``add`` gives what is rooted its GUID."""

    def __init__(self, schema="IFC4X3"):
        self.file = ifcopenshell.file(schema=schema)
        self.project = self.add("IfcProject")

    def add(self, ifc_class, **values):
        made = self.file.create_entity(ifc_class, **values)
        if made.is_a("IfcRoot"):
            made.GlobalId = ifcopenshell.guid.new()
        return made

    def aggregate(self, whole, *parts):
        return self.add("IfcRelAggregates", RelatingObject=whole, RelatedObjects=parts)

    def contain(self, structure, *elements):
        ifc_class = "IfcRelContainedInSpatialStructure"
        return self.add(ifc_class, RelatingStructure=structure, RelatedElements=elements)

    def georeference(self, scale, prefix=None, name="EPSG:4547"):
        unit = self.add("IfcSIUnit", UnitType="LENGTHUNIT", Prefix=prefix, Name="METRE")
        self.project.UnitsInContext = self.add("IfcUnitAssignment", Units=[unit])
        system = self.add("IfcProjectedCRS", Name=name)
        context = self.add("IfcGeometricRepresentationContext")
        values = {"SourceCRS": context, "TargetCRS": system, "Scale": scale}
        return self.add("IfcMapConversion", **values, Eastings=1.0, Northings=1.0)

    def outcome(self, rule):
        return run(Case(self.file, self.file.schema_identifier), [rule])[rule]

    def verdict(self, rule):
        return self.outcome(rule).verdict.value


@pytest.mark.parametrize(
    ("schema", "verdict"), [("IFC4X3_RC4", "fail"), ("IFC2X_FINAL", "fail"), ("ifc4", "pass")]
)
def test_the_version_judged_is_the_one_the_file_declared(schema, verdict):
    outcome = run(Case(Made("IFC4").file, schema), ["IFC101"])["IFC101"]
    assert verdict == outcome.verdict.value


def test_a_deprecated_entity_is_named_by_guid_line_and_class():
    made = Made("IFC4")
    wall = made.add("IfcWallStandardCase")
    (fault,) = made.outcome("IFC102").faults
    assert Fault(wall.is_a(), wall.id(), wall.GlobalId, "IfcWallStandardCase") == fault


def test_a_deprecated_attribute_and_value_are_told_with_what_stands_there():
    made = Made()
    made.add("IfcBuildingStorey", Elevation=3.0)
    made.add("IfcSpace", PredefinedType="INTERNAL")
    seen = [fault.seen for fault in made.outcome("IFC102").faults]
    assert ["Elevation", "PredefinedType = INTERNAL"] == seen


def test_a_resource_that_nothing_uses_is_found_also_when_it_uses_itself():
    made = Made("IFC4")
    ring = made.add("IfcLocalPlacement")
    ring.PlacementRelTo = ring
    made.add("IfcWall", ObjectPlacement=made.add("IfcLocalPlacement"))
    assert [ring.id()] == [fault.step_id for fault in made.outcome("IFC105").faults]


@pytest.mark.parametrize(
    ("scale", "prefix", "verdict"),
    [
        (None, None, "pass"),
        (1.0, None, "pass"),
        (0.001, "MILLI", "pass"),
        (None, "MILLI", "fail"),
        (1000.0, "MILLI", "fail"),
    ],
)
def test_the_scale_leads_from_project_units_to_map_units(scale, prefix, verdict):
    made = Made()
    made.georeference(scale, prefix)
    assert verdict == made.verdict("GRF005")


def test_a_unit_in_terms_of_itself_gives_no_verdict_and_no_endless_run():
    made = Made()
    conversion = made.georeference(1.0, name="somewhere")
    factor = made.add("IfcMeasureWithUnit", ValueComponent=made.file.createIfcLengthMeasure(2.0))
    unit = made.add("IfcConversionBasedUnit", UnitType="LENGTHUNIT", ConversionFactor=factor)
    factor.UnitComponent = unit
    conversion.TargetCRS.MapUnit = unit
    assert "na" == made.verdict("GRF005")


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("EPSG:4547", "pass"), ("EPSG:1234", "fail"), ("EPSG:", "fail"), ("EPSG:９", "fail")],
)
def test_an_epsg_code_is_one_of_the_dataset(name, verdict):
    made = Made("IFC4")
    made.add("IfcProjectedCRS", Name=name)
    assert verdict == made.verdict("GRF004")


def test_a_building_without_a_reference_system_is_found_once_and_its_presence_is_no_verdict():
    made = Made()
    building = made.add("IfcBuilding")
    assert [building.GlobalId] == [fault.guid for fault in made.outcome("GRF003").faults]
    made.add("IfcProjectedCRS", Name="EPSG:4547")
    assert ["na", "pass"] == [made.verdict("GRF003"), made.verdict("GRF000")]


def test_a_storey_below_the_project_is_found_and_one_below_a_building_is_not():
    made = Made("IFC4")
    building, right, wrong = (
        made.add(c) for c in ("IfcBuilding", "IfcBuildingStorey", "IfcBuildingStorey")
    )
    made.aggregate(made.project, building, wrong)
    made.aggregate(building, right)
    found = {fault.guid for fault in made.outcome("SPS002").faults}
    assert {wrong.GlobalId} == found


def test_spatial_wholes_that_are_parts_of_each_other_come_to_an_end():
    made = Made("IFC2X3")
    made.file.header.file_description.description = ("ViewDefinition [CoordinationView_V2.0]",)
    one, two = made.add("IfcBuilding"), made.add("IfcBuilding")
    made.aggregate(one, two)
    made.aggregate(two, one)
    assert 2 == made.outcome("SPS001").fault_count


def test_an_element_has_one_place_and_its_parts_none_of_their_own():
    made = Made("IFC4")
    storey = made.add("IfcBuildingStorey")
    stair, flight, loose = (made.add(c) for c in ("IfcStair", "IfcStairFlight", "IfcWall"))
    made.contain(storey, stair)
    made.aggregate(stair, flight)
    assert ["pass", "pass"] == [made.verdict("SPS003"), made.verdict("SPS008")]
    assert [loose.GlobalId] == [fault.guid for fault in made.outcome("SPS005").faults]
    assert [loose.GlobalId] == [fault.guid for fault in made.outcome("SPS007").faults]
    made.contain(storey, flight, loose)
    both = ["Decomposes + ContainedInStructure"]
    assert both == [fault.seen for fault in made.outcome("SPS005").faults]
    assert ["fail", "fail"] == [made.verdict("SPS003"), made.verdict("SPS007")]


def test_a_relation_to_what_is_no_object_is_a_fault_and_not_a_crash():
    made = Made("IFC4")
    building, person = made.add("IfcBuilding"), made.add("IfcPerson")
    made.aggregate(building, building)
    text = made.file.to_string().replace(f"#{building.id()},(#", f"#{person.id()},(#")
    model = ifcopenshell.file.from_string(text)
    outcome = run(Case(model, "IFC4"), ["SPS002"])["SPS002"]
    assert ["IfcPerson"] == [fault.seen for fault in outcome.faults]


def test_a_rule_does_not_apply_to_a_schema_it_was_not_written_for():
    verdicts = {
        code: outcome.verdict for code, outcome in run(Case(Made("IFC2X3").file, "")).items()
    }
    georeferencing = {verdict for code, verdict in verdicts.items() if code.startswith("GRF")}
    assert set(RULES) == set(verdicts)
    assert {Verdict.NA} == georeferencing


@given(st.lists(st.booleans(), max_size=3 * FAULTS_KEPT))
def test_faults_are_counted_to_the_last_and_kept_to_a_limit(rights):
    outcome = judge(None if right else Fault("x", step_id=i) for i, right in enumerate(rights))
    assert rights.count(False) == outcome.fault_count
    assert min(FAULTS_KEPT, rights.count(False)) == len(outcome.faults)
    wanted = Verdict.NA if not rights else Verdict.PASS if all(rights) else Verdict.FAIL
    assert wanted is outcome.verdict


WHOLE = ifc(
    *HOUSE,
    "#107=IFCPROJECTEDCRS('EPSG:4547',$,$,'EPSG:5703',$,$,#7);",
    "#108=IFCMAPCONVERSION(#2,#107,529299860.,3385869453.,23500.,1.,0.,1.);",
)
DATA = re.compile(rb"#\d+(?!\d*=)|\$|'[^'\n]*'|\.\w+\.")
# The header stays: without a schema the parser gives a file that nothing may be asked of.
TOKENS = [match.span() for match in DATA.finditer(WHOLE, WHOLE.index(b"DATA;"))]
WRONG = [b"$", b"#1", b"#13", b"'x'", b"3", b"1.E300", b"()", b"(#1)", b"(1,2)", b"IFCLABEL('y')"]


@given(st.lists(st.tuples(st.sampled_from(TOKENS), st.sampled_from(WRONG)), max_size=4))
def test_values_of_the_wrong_type_are_judged_by_every_rule(changes):
    data = WHOLE
    for (start, stop), wrong in sorted(changes, reverse=True):
        data = data[:start] + wrong + data[stop:]
    model = ifcopenshell.file.from_string(data.decode())
    assert set(RULES) == set(run(Case(model, model.schema_identifier)))


def test_every_rule_has_its_text_in_both_languages():
    facts = {"count": 2, "samples": ["#1"], "seen": "X"}
    for language in ("en", "zh"):
        texts = {render(f"ifc_rule_{code.lower()}", facts, language) for code in RULES}
        assert len(RULES) == len(texts)
        assert [] == [text for text in texts if "{" in text[0] + text[1]]


def test_broken_rules_are_one_finding_each_at_the_first_breach():
    made = Made("IFC4")
    walls = [made.add("IfcWall") for _ in range(FAULTS_KEPT + 5)]
    found = {finding.code: finding for finding in findings(made.file)}
    assert {"ifc_rule_sps005", "ifc_rule_sps007"} == set(found)
    said = found["ifc_rule_sps005"]
    assert (walls[0].GlobalId, walls[0].id()) == (said.guid, said.step_id)
    assert (FAULTS_KEPT + 5, Severity.WARNING) == (said.facts["count"], said.severity)
    assert [wall.GlobalId for wall in walls[: len(said.facts["samples"])]] == said.facts["samples"]
