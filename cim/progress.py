"""What long work reports: a stage, how far, and counts; and how it learns that it is cancelled."""

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """Called by long use-cases; must be cheap (the caller may thin it out)."""

    def __call__(
        self, stage: str, fraction: float, counts: Mapping[str, int] | None = None
    ) -> None:
        """Report ``stage`` (a stable word) and the fraction of the whole, 0 to 1."""
        ...


def silent(stage: str, fraction: float, counts: Mapping[str, int] | None = None) -> None:
    """Report nothing."""
