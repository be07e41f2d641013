"""Materials and classifications of all shared files, against the library's own slow way."""

import ifcopenshell
import pytest
from ifcopenshell.util.classification import get_classification, get_references
from ifcopenshell.util.element import get_material, get_materials

from bim.extract import extract_file, load
from bim.normalise import normalise
from identity.errors import CityError

pytestmark = pytest.mark.corpus

SEEN = {  # files, rows with materials, rows with classifications: at least
    "ifc": (15, 2_100, 430),
    "data/ids-testcases": (138, 0, 87),  # most of those on materials have no project: refused
    "data/ifc-gherkin-testfiles": (300, 480, 570),
}


def files(folder):
    return sorted(folder.rglob("*.ifc"))


def read(source, tmp_path):
    """Return rows and model, None where the door refuses the file (other tests say why)."""
    target, out = tmp_path / "safe.ifc", tmp_path / "rows"
    try:
        normalise(source, target)
        extract_file(str(target), str(out))
    except CityError:
        return None
    return load(out).rows, ifcopenshell.open(str(target))


@pytest.mark.parametrize("folder", SEEN)
def test_materials_and_classes_agree_with_the_librarys_own_slow_way(shared_dir, tmp_path, folder):
    made = classed = counted = 0
    for source in files(shared_dir / folder):
        found = read(source, tmp_path)
        if found is None:
            continue
        counted += 1
        rows, model = found
        for row in rows:
            thing = model.by_id(row.step_id)
            assert (source.name, row.guid, ours(row)) == (source.name, row.guid, theirs(thing))
            assert codes(row) == references(thing), (source.name, row.guid)
            made, classed = made + bool(row.materials), classed + bool(row.classifications)
    print(f"{folder}: {counted} files, {made} rows with materials, {classed} with classes")
    seen = zip((counted, made, classed), SEEN[folder], strict=True)
    assert all(count >= least for count, least in seen)


def line(value):
    return " ".join((value or "").split())


def ours(row):
    """Return the names of the first statement's parts, or None without one."""
    if not row.materials:
        return None
    return [part.get("material", "") for part in row.materials[0].get("parts", ())]


def theirs(thing):
    if get_material(thing) is None:
        return None
    return [line(material.Name) if material else "" for material in get_materials(thing)]


def codes(row):
    return sorted(
        (said.get("system", ""), said.get("code", ""), said.get("name", ""))
        for said in row.classifications
        if "system_from" not in said
    )


def references(thing):
    found = []
    for reference in get_references(thing):
        system = get_classification(reference)
        own = ("", "") if reference == system else (line(reference[1]), line(reference[2]))
        found.append((line(system[3]) if system else "", *own))
    return sorted(found)
