"""Bodies of all products of one IFC file, meshed in child processes; nothing goes missing unsaid.

mesh → shares (two children for a large file) → ``bim.mesh_child:run`` → records → assemble

Kernels are tried in the order of ``kernels``: ``cgal-simple`` (fast, misses some), ``manifold``
(solids cut by solids only), ``opencascade`` (right, slow). A child that dies or falls silent names
the product it had in hand: a finding says so, that product and kernel are not tried again, and
everything else goes on in a new child. What no kernel can shape becomes a placeholder box and a
finding with its GUID.
"""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bim.child import Limits
from bim.mesh_assembly import Meshes, assemble
from bim.mesh_share import Board, Share
from cim.progress import Progress, silent
from identity.errors import CityError, Invalid

__all__ = ["KERNELS", "KERNEL_S", "Meshes", "mesh"]

KERNELS = ("cgal-simple", "manifold", "opencascade")
KNOWN = (*KERNELS, "cgal")
LARGE_BYTES = 1_000_000  # from here two children pay for their start (0.6 s)
SHARES_MAX = 2
KERNEL_S = 3.0  # of the processor, for one product in one kernel; then it is the next one's turn
SILENCE = 20  # times KERNEL_S by the clock: a child that waits for something uses no processor


async def mesh(
    ifc: Path,
    out: Path,
    guids: Sequence[str] | None = None,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
    kernels: Sequence[str] = KERNELS,
    kernel_s: float = KERNEL_S,
) -> Meshes:
    """Mesh the normalised file ``ifc``; the children leave their records in the folder ``out``.

    ``guids`` (keys as in ``rows.Row``) narrows it to those products; None: all with a body.
    ``limits`` hold for each child, ``wall_s`` for a whole share. ``kernel_s``: seconds of processor
    that a product has in one kernel; by the clock ``silence_s``, else SILENCE times as long.
    ``progress`` gets the stage "meshing".
    Raises Invalid("mesh_kernel"), and what a child raises while it opens the file.
    """
    if unknown := sorted(set(kernels) - set(KNOWN)):
        raise Invalid("mesh_kernel", kernel=unknown[0], known=", ".join(KNOWN))
    wanted = _prepare(out, guids)
    limits = limits or Limits()
    limits = replace(limits, silence_s=limits.silence_s or SILENCE * kernel_s)
    count = _shares(ifc)
    board = Board(progress or silent, [0.0] * count)
    shares = [
        Share(ifc, out, wanted, (number, count), tuple(kernels), kernel_s, limits, board)
        for number in range(count)
    ]
    try:
        async with asyncio.TaskGroup() as group:
            for share in shares:
                group.create_task(share.run())
    except* CityError as refusals:
        raise refusals.exceptions[0] from None
    blamed = {step_id: ended for share in shares for step_id, ended in share.blamed.items()}
    return assemble([record for share in shares for record in share.records()], blamed)


def _prepare(out: Path, guids: Sequence[str] | None) -> Path | None:
    """Make the folder, and in it the list of what is wanted, if not all is."""
    out.mkdir(parents=True, exist_ok=True)
    if guids is None:
        return None
    wanted = out / "wanted.json"
    wanted.write_text(json.dumps(sorted(guids)), encoding="utf-8")
    return wanted


def _shares(ifc: Path) -> int:
    return min(SHARES_MAX, os.cpu_count() or 1) if ifc.stat().st_size >= LARGE_BYTES else 1
