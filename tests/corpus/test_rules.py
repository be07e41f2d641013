"""buildingSMART's own files for its rules: our verdicts against the ones in their names."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import ifcopenshell
import pytest

from bim.normalise import normalise
from bim.rules.case import Case
from bim.rules.table import RULES, run
from bim.rules.verdict import Verdict

pytestmark = pytest.mark.corpus

# 450 files end in .ifc; three more of IFC and SPS are named by a verdict and have no ending.
FAMILIES = {"IFC": 71, "GRF": 55, "SPS": 72}
NOT_COVERED = {"BLT": 41, "GEM": 105, "OJP": 5, "PJS": 46, "PSE": 55, "SPA": 3}
GOAL = 0.95
DISAGREEMENTS = {  # file: (theirs, ours)
    # Metres to feet: IFC4.3 says from source to target units, 3.2808; the file has 0.3048. The
    # second version of buildingSMART's rule asks for "project units to the target", as we do.
    "pass-grf005-scaled_foot_to_metre.ifc": ("pass", "fail"),
}
_NAME = re.compile(r"(pass|fail|na)-([a-z]{3})(\d{3})", re.IGNORECASE)


@cache
def files(shared: Path) -> tuple[tuple[str, str, Path], ...]:
    """Return (verdict, rule, file) of all files that are named by a verdict."""
    folder = shared / "data/ifc-gherkin-testfiles/test/files"
    named = [(_NAME.match(path.name), path) for path in sorted(folder.rglob("*"))]
    return tuple((m[1], f"{m[2]}{m[3]}".upper(), path) for m, path in named if m and path.is_file())


def case(path: Path, scratch: Path) -> Case:
    """Open a file as the door does where the parser refuses its schema, else as it is."""
    try:
        model = ifcopenshell.open(str(path))
    except ifcopenshell.SchemaError:
        said = normalise(path, scratch / "safe.ifc")
        return Case(ifcopenshell.open(str(scratch / "safe.ifc")), said.declared_schema)
    return Case(model, model.schema_identifier)


def test_verdicts_agree_with_buildingsmart_but_for_the_files_named(shared_dir, tmp_path):
    right, total, differing = Counter(), Counter(), {}
    for theirs, rule, path in files(shared_dir):
        if rule[:3] not in FAMILIES:
            continue
        outcome = run(case(path, tmp_path), [rule])[rule]
        total.update([rule, rule[:3]])
        if outcome.verdict.value == theirs:
            right.update([rule, rule[:3]])
        else:
            differing[path.name] = (theirs, outcome.verdict.value)
        assert (outcome.fault_count > 0) == (outcome.verdict is Verdict.FAIL)
    for name in sorted(total, key=lambda name: (len(name), name)):
        print(f"{name}: {right[name]} of {total[name]} ({right[name] / total[name]:.1%})")
    assert DISAGREEMENTS == differing
    assert FAMILIES == {family: total[family] for family in FAMILIES}
    assert [] == [family for family in FAMILIES if right[family] / total[family] < GOAL]


def test_every_rule_of_the_three_families_has_its_files_and_the_rest_is_listed(shared_dir):
    found = Counter(rule for _, rule, _ in files(shared_dir))
    families = Counter(rule[:3] for _, rule, _ in files(shared_dir))
    others = {family: n for family, n in families.items() if family not in FAMILIES}
    print(f"not covered: {sum(others.values())} files, {others}")
    assert set(RULES) == {rule for rule in found if rule[:3] in FAMILIES}
    assert NOT_COVERED == others
