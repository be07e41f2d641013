"""IDS checks: what they say of a file, and what is no IDS."""

import ifcopenshell
import ifcopenshell.guid
import pytest

from bim.checks import ids
from identity.errors import Invalid, TooLarge

HEAD = (
    '<ids xmlns="http://standards.buildingsmart.org/IDS"><info><title>T</title></info>'
    "<specifications>"
)
ONE = (
    '<specification name="{name}" ifcVersion="IFC4"><applicability minOccurs="0" '
    'maxOccurs="{most}"><entity><name><simpleValue>{entity}</simpleValue></name></entity>'
    '</applicability><requirements><attribute cardinality="required"><name>'
    "<simpleValue>{attribute}</simpleValue></name></attribute></requirements></specification>"
)


def _ids(entity="IFCWALL", attribute="Name", most="unbounded", times=1):
    one = ONE.format(name="墙", entity=entity, attribute=attribute, most=most)
    return (HEAD + one * times + "</specifications></ids>").encode()


def _walls(*names):
    file = ifcopenshell.file(schema="IFC4")
    walls = [file.create_entity("IfcWall", ifcopenshell.guid.new(), Name=name) for name in names]
    return file, [wall.GlobalId for wall in walls]


def test_the_element_that_misses_a_requirement_is_named():
    file, guids = _walls("W1", None)
    said = ids.check(file, _ids())
    (rule,) = said.specifications
    assert (False, "墙", 2) == (said.passed, rule.name, rule.applicable)
    assert [guids[1]] == [failure.guid for failure in rule.requirements[0].failures]


def test_a_file_that_meets_all_passes():
    assert ids.check(_walls("W1")[0], _ids()).passed


def test_failures_beyond_the_limit_are_counted_and_not_kept(monkeypatch):
    monkeypatch.setattr(ids, "FAILURES_MAX", 1)
    (rule,) = ids.check(_walls(None, None)[0], _ids()).specifications
    assert (2, 1) == (rule.requirements[0].failed, len(rule.requirements[0].failures))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"/etc/hostname",
        b"<ids/>",
        b'<!DOCTYPE ids [<!ENTITY a "b">]>' + _ids(),
        _ids().decode().encode("utf-16"),
        _ids(entity="IFCWALLX"),
        _ids(entity="IfcWall"),
        _ids(attribute="Colour"),
        _ids(most="0"),
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
