"""Bombs through the real door: the service answers all the while, and each upload is decided."""

import pytest

from tests.parts.bombs import BOMBS
from tests.parts.twin_process import Twin

SHORT = ["boolean of itself", "knots 2,000,000,000 times"]
OTHERS = [name for name in BOMBS if name not in SHORT]
CHILD = {"TWIN_CHILD_MEMORY_MB": 2_048}  # what the machine may spare; the times are the defaults


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    running = Twin(tmp_path_factory.mktemp("bombs"), **CHILD).start()
    yield running
    assert (0, False) == (running.stop(), "Traceback" in running.printed())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("names", [SHORT, pytest.param(OTHERS, marks=pytest.mark.long)])
def test_each_bomb_is_refused_or_imported_with_a_finding(twin, names):
    outcomes = {}
    for name in names:
        outcomes[name] = how, codes, seconds = twin.decided(BOMBS[name], "bomb.ifc", project=name)
        assert how in {"refused", "imported"}, codes
        print(f"{name}: {how} {codes} {seconds:.1f} s")
    assert [] == [name for name, (_, codes, _) in outcomes.items() if not codes]
    unexpected = {"child_failed", "child_died", "internal"}
    assert [] == [name for name, (_, codes, _) in outcomes.items() if unexpected & set(codes)]
