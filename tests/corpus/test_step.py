"""Our reader of STEP files finds in real files what ifcopenshell finds in them."""

import ifcopenshell
import pytest

from bim import hazards, step
from bim.normalise import normalise
from identity.errors import CityError

pytestmark = [pytest.mark.corpus, pytest.mark.timeout(900)]

BYTES_MAX = 3 << 20  # attribute by attribute, ifcopenshell takes a minute for 10 MB
BROKEN = [  # on purpose, among the files for checking rules
    # an organisation that is its own address
    (
        "fail-ifc102-ifc4x3_deprecated_attribute_element_IfcOrganization_attribute_Addresses.ifc",
        "reference_cycle",
        22,
    ),
    # two parts of a railway, each a part of the other
    ("pass-sps002-correct_spatial_breakdown_parts.ifc", "decomposition_cycle", 321),
]


def referred(value):
    """Return the step ids in an attribute's value, in the order in which they are written."""
    if isinstance(value, tuple):
        return [step_id for part in value for step_id in referred(part)]
    if not isinstance(value, ifcopenshell.entity_instance):
        return []
    return [value.id()] if value.id() else [i for part in value for i in referred(part)]


def by_parser(model):
    return {
        each.id(): (each.is_a().upper(), [i for value in each for i in referred(value)])
        for each in model
    }


def by_us(found):
    ends = found.offsets.tolist()
    return {
        step_id: (found.names[kind], found.references[a:b].tolist())
        for step_id, kind, a, b in zip(
            found.ids.tolist(), found.types.tolist(), ends[:-1], ends[1:], strict=True
        )
    }


def test_ids_types_and_references_are_those_of_the_parser(shared_dir, tmp_path):
    target = tmp_path / "safe.ifc"
    compared = statements = 0
    for path in sorted((shared_dir / "ifc").glob("*.ifc")):
        if path.stat().st_size > BYTES_MAX:
            continue
        normalise(path, target)
        ours = by_us(step.read(target))
        theirs = by_parser(ifcopenshell.open(str(target)))
        assert theirs.keys() == ours.keys()
        assert [] == [(path.name, i) for i in theirs if theirs[i] != ours[i]]
        compared, statements = compared + 1, statements + len(ours)
    print(f"{statements} statements of {compared} files")
    assert compared > 10


@pytest.mark.long
def test_no_real_file_is_refused_as_a_hazard(shared_dir, tmp_path):
    target = tmp_path / "safe.ifc"
    files = [path for path in sorted(shared_dir.rglob("*.ifc")) if path.stat().st_size]
    refused, checked = [], 0
    for path in files:
        try:
            normalise(path, target)
        except CityError:
            continue
        checked += 1
        try:
            hazards.check(target)
        except CityError as error:
            refused.append((path.name, error.facts["kind"], error.facts["step_id"]))
    print(f"{checked} files")
    assert refused == [broken for broken in BROKEN if broken[0] in {path.name for path in files}]
