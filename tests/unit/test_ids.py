"""IDS checks: what they say of a file, and what is no IDS."""

import ifcopenshell
import ifcopenshell.guid
import pytest

from bim.checks import ids, ids_run
from identity.errors import Invalid, TooLarge

HEAD = (
    '<ids xmlns="http://standards.buildingsmart.org/IDS" '
    'xmlns:xs="http://www.w3.org/2001/XMLSchema"><info><title>T</title></info><specifications>'
)
ONE = (
    '<specification name="墙" ifcVersion="{schemas}"><applicability minOccurs="{least}" '
    'maxOccurs="{most}"><entity><name>{entity}</name></entity></applicability>'
    "<requirements>{requirements}</requirements></specification>"
)


def _simple(text):
    return f"<simpleValue>{text}</simpleValue>"


def _restricted(base, **facets):
    inner = "".join(f'<xs:{n} value="{v}"/>' for n, vs in facets.items() for v in vs)
    return f'<xs:restriction base="xs:{base}">{inner}</xs:restriction>'


def _attribute(name="Name", value="", cardinality="required"):
    told = f"<value>{value}</value>" if value else ""
    return f'<attribute cardinality="{cardinality}"><name>{_simple(name)}</name>{told}</attribute>'


def _ids(requirements="", entity="", schemas="IFC4", *, least=0, most="unbounded", times=1):
    entity = entity or _simple("IFCWALL")
    said = {"schemas": schemas, "least": least, "most": most, "entity": entity}
    one = ONE.format(requirements=requirements or _attribute(), **said)
    return (HEAD + one * times + "</specifications></ids>").encode()


def _entity(name, kind=""):
    told = f"<predefinedType>{_simple(kind)}</predefinedType>" if kind else ""
    return f"<entity><name>{_simple(name)}</name>{told}</entity>"


def _walls(*names, schema="IFC4"):
    file = ifcopenshell.file(schema=schema)
    walls = [file.create_entity("IfcWall", ifcopenshell.guid.new(), Name=name) for name in names]
    return file, [wall.GlobalId for wall in walls]


def _check(file, data):
    return list(ids.check(file, data))


def test_the_element_that_misses_a_requirement_is_named_with_what_stands_there():
    file, guids = _walls("W1", "X")
    (said,) = _check(file, _ids(_attribute(value=_restricted("string", pattern=["W[0-9]"]))))
    (missing,) = said.missing
    assert (False, "墙", 2) == (said.passed, said.rule.name, said.found)
    assert ("attribute", "Name = /W[0-9]/") == (missing.requirement.kind, missing.requirement.what)
    assert [(guids[1], "VALUE", "X")] == [(m.guid, m.why, m.seen) for m in missing.first]


def test_a_file_that_meets_all_passes():
    assert ids.passed(_check(_walls("W1")[0], _ids()))


def test_elements_beyond_the_limit_are_counted_and_not_kept(monkeypatch):
    monkeypatch.setattr(ids_run, "MISSED_MAX", 1)
    ((missing,),) = [said.missing for said in _check(_walls(None, None)[0], _ids())]
    assert (2, 1) == (missing.count, len(missing.first))


@pytest.mark.parametrize(("least", "names", "passed"), [(1, (), False), (0, (), True)])
def test_what_must_be_there_and_is_not_fails_as_a_whole(least, names, passed):
    (said,) = _check(_walls(*names)[0], _ids(least=least))
    assert (passed, not passed) == (said.passed, said.absent)


def test_what_must_not_be_there_is_named():
    file, guids = _walls("W1")
    data = _ids(most=0).replace(b"<requirements>", b"<!--").replace(b"</requirements>", b"-->")
    (said,) = _check(file, data)
    assert (True, guids) == (said.forbidden, [each.guid for each in said.named])


def test_a_specification_for_another_schema_is_checked_and_says_so():
    (said,) = _check(_walls(None, schema="IFC2X3")[0], _ids(schemas="IFC4"))
    assert (False, False) == (said.meant, said.passed)


def test_an_optional_attribute_may_be_null_but_not_another():
    data = _ids(_attribute(value=_simple("W1"), cardinality="optional"))
    file, _ = _walls(None, "W1", "X")
    ((missing,),) = [said.missing for said in _check(file, data)]
    assert ["X"] == [each.seen for each in missing.first]


def test_several_patterns_are_alternatives():
    data = _ids(_attribute(value=_restricted("string", pattern=["W.", "X."])))
    assert [False, True] == [
        ids.passed(_check(_walls(*names)[0], data)) for names in (("W1", "Y1"), ("W1", "X1"))
    ]


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        (_simple("1."), [True, True, False]),
        (_restricted("double", enumeration=["1.", "5."]), [True, True, False]),
        (
            _restricted("double", minInclusive=["1.000003"], maxInclusive=["2."]),
            [False, True, True],
        ),
        (_restricted("double", minInclusive=["1."], maxInclusive=["1."]), [True, True, False]),
    ],
)
def test_real_numbers_have_the_tolerance_of_the_standard(value, passes):
    data = _ids(_attribute("RefractionIndex", value), _simple("IFCSURFACESTYLEREFRACTION"))
    said = []
    for number in (1.0, 1.000002, 1.0000021):
        file = ifcopenshell.file(schema="IFC4")
        file.create_entity("IfcSurfaceStyleRefraction", number)
        said.append(ids.passed(_check(file, data)))
    assert passes == said


def test_what_the_library_cannot_decide_is_said_of_the_element(monkeypatch):
    def broken(_self, _inst, _logger=None):
        raise AssertionError("material")

    monkeypatch.setattr(ids_run.ifctester.facet.Attribute, "__call__", broken)
    ((missing,),) = [said.missing for said in _check(_walls("W1")[0], _ids())]
    assert ["BROKEN"] == [each.why for each in missing.first]


@pytest.mark.parametrize(
    "data",
    [
        _ids(_entity("IFCWALL")),
        _ids(_entity("IFCWALL", "SOLIDWALL")),
        _ids(_entity("IFCWALL", "SOLIDWALL"), schemas="IFC2X3"),  # by IfcWallType
        _ids(entity=_simple("IFCAIRTERMINAL"), schemas="IFC2X3"),  # by IfcAirTerminalType
        _ids(_entity("IFCFLOWTERMINAL"), _simple("IFCAIRTERMINAL"), "IFC2X3"),
        _ids(entity=_restricted("string", pattern=["IFC.*WALL"])),
    ],
)
def test_what_a_file_can_meet_is_read(data):
    assert 1 == len(ids.read(data).rules)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"/etc/hostname",
        b"<ids/>",
        b'<!DOCTYPE ids [<!ENTITY a "b">]>' + _ids(),
        _ids().decode().encode("utf-16"),
        _ids(entity=_simple("IFCWALLX")),
        _ids(entity=_simple("IfcWall")),
        _ids(entity=_restricted("string", enumeration=["IFCWALL", "IFCWALLX"])),
        _ids(entity=_restricted("string", pattern=["WALL"])),
        _ids(entity=_restricted("string", pattern=["("])),
        _ids(_attribute("Colour")),
        _ids(_attribute(value=_restricted("string", pattern=["a" * 2_001]))),
        _ids(most=0),
        _ids(_entity("IFCSLAB")),
        _ids(_entity("IFCINVENTORY", "X"), _simple("IFCINVENTORY"), "IFC2X3 IFC4"),
        _ids(_attribute("NumberOfRisers", _simple("1.5")), _simple("IFCSTAIRFLIGHT")),
    ],
)
def test_what_is_no_valid_ids_is_refused(data):
    with pytest.raises(Invalid) as refusal:
        ids.read(data)
    assert "ids_invalid" == refusal.value.code


def test_too_many_bytes_or_specifications_are_refused(monkeypatch):
    with pytest.raises(TooLarge):
        ids.read(b" " * (ids.BYTES_MAX + 1))
    monkeypatch.setattr(ids, "SPECIFICATIONS_MAX", 1)
    with pytest.raises(TooLarge):
        ids.read(_ids(times=2))
