"""How an import runs, and how far it is: its options, its stages and each one's share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bim import child, mesh, translate_devices
from cim.heights import CityHeights
from cim.progress import Progress

SHARES = {
    "normalise": (0.0, 0.05),
    "extract": (0.05, 0.2),
    "mesh": (0.2, 0.8),
    "translate": (0.8, 0.82),
    "merge": (0.82, 0.85),
    "tiles": (0.85, 0.92),
    "activate": (0.92, 1.0),
}
"""Each stage's share of the whole, as measured on the corpus: meshing is most of it."""

LEASE_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """How an import runs. ``holder`` names the process for the lease.

    ``heights``: what a height is where neither the file nor a person says it. ``device_names``:
    where a file names its devices (``bim.translate_devices``). ``kernel_s``: seconds of processor
    that one product has in one kernel.
    """

    holder: str
    limits: child.Limits = field(default_factory=child.Limits)
    kernels: tuple[str, ...] = mesh.KERNELS
    lease_wait_s: float = LEASE_WAIT_S
    heights: CityHeights = field(default_factory=CityHeights)
    device_names: tuple[str, ...] = translate_devices.NAMES
    kernel_s: float = mesh.KERNEL_S


class Stages:
    """Turns a stage's fraction into the fraction of the whole."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(
        self, stage: str, fraction: float, counts: Mapping[str, int] | None = None
    ) -> None:
        """Report a stage's own fraction (0 to 1)."""
        start, stop = SHARES[stage]
        self._progress(stage, start + (stop - start) * min(max(fraction, 0.0), 1.0), counts)

    def within(self, stage: str) -> Progress:
        """Return a progress whose own stage names are parts of ``stage``."""
        return lambda _part, fraction, counts=None: self(stage, fraction, counts)
