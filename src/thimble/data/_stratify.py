"""Divide samples so that every part has the same mix of classes, from a seed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stratified_order(labels: Sequence[Hashable] | NDArray[Any], seed: int) -> NDArray[Any]:
    """A permutation of all samples in which every consecutive stretch has nearly the whole set's mix of classes.

    Each class is shuffled and spread evenly over the order; so any cut of it is a stratified split, and its first
    part a stratified sample. Labels that are not classes (all different) give a plain shuffle.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    _, classes, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    shuffled = rng.permutation(len(classes))
    rank = np.empty(len(classes), dtype=np.int64)
    for code in range(len(counts)):
        members = shuffled[classes[shuffled] == code]
        rank[members] = np.arange(len(members))
    place = (rank + rng.random(len(counts))[classes]) / counts[classes]
    order: NDArray[Any] = np.lexsort((rng.random(len(classes)), place))
    return order


def divided(
    labels: Sequence[Hashable] | NDArray[Any], sizes: Mapping[str, int | float], seed: int, ids: Sequence[str] | None = None
) -> dict[str, NDArray[Any]]:
    """Indices of each part's samples: stratified by label, in stratified order, exact copies never in two parts.

    ``sizes`` gives each part's share of the whole, as a count or as a fraction; the last part takes all that is left.
    ``ids`` are the samples' digests: those with equal ones stay together, so that sizes may be off by a few.
    """
    import numpy as np

    ids = [str(i) for i in range(len(labels))] if ids is None else ids
    groups: dict[str, list[int]] = {}
    for index, digest in enumerate(ids):
        groups.setdefault(digest, []).append(index)
    members = list(groups.values())
    order = stratified_order(np.asarray(labels)[[group[0] for group in members]], seed)
    ends = np.cumsum([len(members[i]) for i in order])
    cuts, wanted = [0], 0.0
    for size in list(sizes.values())[:-1]:
        wanted += size if isinstance(size, int) else size * len(labels)
        cuts.append(int(np.searchsorted(ends, round(wanted))) + 1 if round(wanted) else 0)
    cuts.append(len(members))
    cuts = [min(cut, len(members)) for cut in np.maximum.accumulate(cuts)]
    return {
        name: np.asarray([i for g in order[a:b] for i in members[g]], dtype=np.int64)
        for name, a, b in zip(sizes, cuts[:-1], cuts[1:], strict=True)
    }
