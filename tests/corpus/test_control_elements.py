"""Control elements in files of others: buildingSMART's, of an actuator each, in three schemas."""

import ifcopenshell
import pytest

from bim.extract_instruments import CONTROL, instruments, sort_of

pytestmark = pytest.mark.corpus
FOLDER = "data/ifc-gherkin-testfiles/test/files/PSE/pse001"


@pytest.mark.parametrize("schema", ["ifc2x3", "ifc4", "ifc4x3_add2"])
def test_an_actuator_is_one_in_every_schema(shared_dir, schema):
    name = f"pass-pse001-{schema}-on-occurence-electric-actuator-pset.ifc"
    model = ifcopenshell.open(str(shared_dir / FOLDER / name))
    (thing,) = model.by_type(CONTROL)
    types = {
        part.id(): relation[5]
        for relation in model.by_type("IfcRelDefinesByType")
        for part in relation[4]
    }
    assert sort_of(thing, types.get(thing.id())) == "IfcActuator"
    (found,) = instruments(model, {thing.id(): thing.GlobalId}, _Nothing(), types)
    assert (found.guid, found.sort, found.serves) == (thing.GlobalId, "IfcActuator", ())


class _Nothing:
    """A tree without a project, as in these files."""

    loose = ()

    def parent(self, _step_id):
        return None
