"""What a writer remembers of stored rows, and the settling of readings: pure, for every store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twin.ports import Projection
from twin.quarantine import Bounds
from twin.reading import Reading, State
from twin.retention import Retention
from twin.state import APPLIED, LATE, apply, settle

Key = tuple[str, str, str]  # code, property, source
NAMES_KEPT = 300_000  # series or things remembered (about 200 MB); more and it begins again


@dataclass
class Names:
    """Spares a writer its look-ups (a third of a commit's time).

    Ids hold for ever; all else while nobody else wrote (``version``) and no transaction failed.
    ``days``: those of which history is known to have rows; ``rolled``: those that are cold.
    """

    things: dict[str, int] = field(default_factory=dict)
    series: dict[Key, int] = field(default_factory=dict)
    projections: dict[str, Projection] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)
    days: set[int] = field(default_factory=set)
    rolled: frozenset[int] | None = None
    version: int = -1

    def forget(self) -> None:
        """Drop everything: a transaction failed, or the memo is full."""
        self.things.clear()
        self.series.clear()
        self.projections.clear()
        self.states.clear()
        self.forget_days()

    def forget_days(self) -> None:
        """Forget which days history has rows of: they are being kept."""
        self.days.clear()
        self.rolled = None

    def differing(self, projections: Mapping[str, Projection]) -> dict[str, Projection]:
        """Return the projections that differ from what is known to be stored."""
        return {code: p for code, p in projections.items() if self.projections.get(code) != p}

    def refresh(self, version: int) -> None:
        """Forget what another writer may have rewritten, and a full memo."""
        if len(self.series) > NAMES_KEPT or len(self.projections) > NAMES_KEPT:
            self.forget()
        if version != self.version:
            self.projections.clear()
            self.states.clear()
            self.forget_days()
            self.version = version


@dataclass(frozen=True)
class Keeping:
    """How many rows stay."""

    outbox: int
    quarantine: Bounds
    history: Retention


@dataclass(slots=True)
class Settled:
    """What readings do to a store.

    ``results``: applied, late or duplicate, in order. ``moved``: the new state of each series.
    ``between``: states that did not move, but a late reading is the one before them now.
    ``fresh``: rows of history that are newer than everything of their series, so that none can be
    there yet: (series, reading, changed_at). ``older``: late ones by their place in ``results``,
    which may be there already.
    """

    results: list[str] = field(default_factory=list)
    moved: dict[int, State] = field(default_factory=dict)
    between: dict[int, State] = field(default_factory=dict)
    fresh: list[tuple[int, Reading, float]] = field(default_factory=list)
    older: dict[int, tuple[int, Reading]] = field(default_factory=dict)


def settle_all(
    readings: Sequence[Reading], series: Sequence[int], states: dict[int, State]
) -> Settled:
    """Apply readings to ``states`` (series → state), which is moved on."""
    told = Settled()
    for place, (reading, number) in enumerate(zip(readings, series, strict=True)):
        before = states.get(number)
        settled = settle(before, reading)
        state, result = apply(before, settled)
        told.results.append(result)
        if result == APPLIED:
            states[number] = told.moved[number] = state
            told.fresh.append((number, settled, state.changed_at))
        elif result == LATE:
            told.older[place] = (number, settled)
            if state is not before:
                states[number] = told.between[number] = state
    for number in told.moved.keys() & told.between.keys():
        told.moved[number] = states[number]
        del told.between[number]
    return told
