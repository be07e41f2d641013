"""Damaged files through the real door: the service answers all the while; each one is decided."""

import collections

import pytest

from tests.integration.test_mutations import DECIDED_S, DEFECTS, FILES, MEMORY_MB, SEED
from tests.parts import mutations
from tests.parts.pump import pump
from tests.parts.twin_process import Twin

FIRST = 1_000_000  # other damage than the long run's
STRUCTURE_EVERY = 4


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    running = Twin(tmp_path_factory.mktemp("damaged"), TWIN_CHILD_MEMORY_MB=MEMORY_MB).start()
    yield running
    assert (0, False) == (running.stop(), "Traceback" in running.printed())


def outcome(twin, number, files):
    """Upload a damaged file; return (how its job ended, codes said, seconds)."""
    kind = "byte" if number % STRUCTURE_EVERY else "structure"
    _, data = mutations.of(SEED, number, files, kind)
    return twin.decided(data, "damaged.ifc", project=f"Damaged {number}")


def decide(twin, files, count):
    """Let ``count`` damaged files through the door; return what came of each."""
    done = {number: outcome(twin, number, files) for number in range(FIRST, FIRST + count)}
    ends = collections.Counter(
        (how, *(said if how != "imported" else ())) for how, said, _ in done.values()
    )
    print(f"seed {SEED}: {ends.most_common()}, slowest {max(s for _, _, s in done.values()):.1f} s")
    return done


def test_a_damaged_upload_is_decided(twin):
    done = decide(twin, pump(), 6)
    assert [] == [number for number, (_, said, _) in done.items() if DEFECTS & {*said}]


@pytest.mark.corpus
@pytest.mark.long
@pytest.mark.timeout(2400)
def test_two_hundred_damaged_uploads_are_decided(twin, shared_dir):
    real = {name: (shared_dir / name).read_bytes() for name in FILES}
    done = decide(twin, pump() | real, 200)
    assert [] == [number for number, (_, said, _) in done.items() if DEFECTS & {*said}]
    assert [] == [number for number, (_, _, seconds) in done.items() if seconds > DECIDED_S]
    assert {"imported", "refused"} <= {how for how, _, _ in done.values()}
