"""The 314 official cases of IDS 1.0, ours against the official verdict."""

import ifcopenshell
import pytest

from bim.checks import ids
from identity.errors import Invalid

pytestmark = pytest.mark.corpus


def test_ours_agrees_with_the_official_verdict_in_every_case(shared_dir):
    root = shared_dir / "data" / "ids-testcases" / "Documentation" / "testcases"
    cases = sorted(root.rglob("*.ids"))
    found = [_name(root, case) for case in cases if case.name.split("-")[0] != _verdict(case)]
    print(f"IDS: {len(cases) - len(found)} of {len(cases)} agree; the others: {found}")
    assert (314, []) == (len(cases), found)


def _name(root, case):
    return case.relative_to(root).with_suffix("").as_posix()


def _verdict(case):
    file = ifcopenshell.open(str(case.with_suffix(".ifc")))
    try:
        return "pass" if ids.passed(list(ids.check(file, case.read_bytes()))) else "fail"
    except Invalid:
        return "invalid"
