"""How deep and how wide references nest, without recursion: nodes are peeled off from the leaves.

Each round takes the nodes all of whose targets are taken, so the number of rounds is the depth, and
what is left when no node can be taken lies on a cycle or above one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indexes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Edges:
    """References between ``size`` nodes, node numbers from 0; the same one may come twice."""

    size: int
    sources: Indexes
    targets: Indexes

    def among(self, nodes: NDArray[np.bool_]) -> "Edges":
        """Return the references from and to these nodes."""
        kept = nodes[self.sources] & nodes[self.targets]
        return Edges(self.size, self.sources[kept], self.targets[kept])


@dataclass(frozen=True, slots=True)
class Nesting:
    """What peeling found; at most one of the two nodes is set.

    ``depth``: nodes of the longest chain, ``too_deep`` one that stands above the limit, ``cyclic``
    one on a cycle. ``paths``: of each node taken, how many chains lead down from it, itself counted
    (what an instance becomes when everything below is copied into it).
    """

    depth: int
    too_deep: int | None
    cyclic: int | None
    paths: NDArray[np.float64]


def nesting(edges: Edges, depth_max: int) -> Nesting:
    """Peel ``edges`` for at most ``depth_max`` rounds; time grows with edges and rounds."""
    open_targets = np.bincount(edges.sources, minlength=edges.size)
    order = np.argsort(edges.targets, kind="stable")
    above = edges.sources[order]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(edges.targets, minlength=edges.size))])
    paths = np.ones(edges.size, dtype=np.float64)
    taken = np.flatnonzero(open_targets == 0)
    left = edges.size
    depth = 0
    marks = np.empty(edges.size, dtype=np.int64)
    while taken.size and depth < depth_max:
        depth += 1
        left -= taken.size
        rows, counts = _rows(offsets, taken)
        parents = above[rows]
        np.subtract.at(open_targets, parents, 1)
        np.add.at(paths, parents, np.repeat(paths[taken], counts))
        taken = _distinct(parents[open_targets[parents] == 0], marks)
    too_deep = int(taken[0]) if taken.size else None
    cyclic = _on_cycle(edges, open_targets > 0) if left and too_deep is None else None
    return Nesting(depth, too_deep, cyclic, paths)


def _rows(offsets: Indexes, nodes: Indexes) -> tuple[Indexes, Indexes]:
    """Return where the entries of these nodes stand, and how many each has."""
    counts = offsets[nodes + 1] - offsets[nodes]
    ends = np.cumsum(counts)
    places = np.arange(int(ends[-1]) if ends.size else 0)
    return places + np.repeat(offsets[nodes] - ends + counts, counts), counts


def _distinct(nodes: Indexes, marks: Indexes) -> Indexes:
    """Return each node once, without sorting; ``marks`` is room for a number a node."""
    numbers = np.arange(nodes.size)
    marks[nodes] = numbers
    once: Indexes = nodes[marks[nodes] == numbers]
    return once


def _on_cycle(edges: Edges, left: NDArray[np.bool_]) -> int:
    """Return a node of a cycle: each node left has a target that is left, so a walk comes back."""
    kept = left[edges.sources] & left[edges.targets]
    step = np.full(edges.size, -1, dtype=np.int64)
    step[edges.sources[kept]] = edges.targets[kept]
    node, seen = int(edges.sources[kept][0]), set[int]()
    while node not in seen:
        seen.add(node)
        node = int(step[node])
    return node
