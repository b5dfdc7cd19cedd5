"""How data is divided where its owner didn't, and what happens to samples that lie in two splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thimble.core.errors import BadInput
from thimble.core.task import TaskSpec
from thimble.core.values import listed
from thimble.data._stratify import divided, stratified_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEST, VALIDATION, CALIBRATION = 0.30, 0.15, 0.10
"""Shares of a whole that is not divided yet; train takes the rest."""
MOST_CALIBRATION = 512
MOST_VALIDATION = 5000
HELD_OUT_VALIDATION = 0.30
"""Share of held-out samples that become the validation split where there is only one held-out part."""
COPIES = 0.10
"""Share of a held-out split that may be exact copies of samples seen before: they are left out. More is a mistake."""


@dataclass
class Part:
    """Some samples before they become splits: a row number for each, its label and its digest."""

    rows: NDArray[Any]
    labels: Sequence[Any]
    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass
class Division:
    """Row numbers of every split, in a stratified order, and notes that say how they came about."""

    rows: dict[str, NDArray[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def divide(sizes: Mapping[str, int], labels: Sequence[Any] | NDArray[Any], ids: Sequence[str], spec: TaskSpec) -> Division:
    """Rows of every split, for samples that came in parts of these sizes, one after the other.

    A part without a name is a whole that is not divided yet; else there are ``train`` and ``validation`` or ``test``.
    ``labels`` are what is stratified by, ``ids`` the samples' digests.
    """
    import numpy as np

    parts, start = {}, 0
    for name, size in sizes.items():
        rows = np.arange(start, start + size)
        parts[name] = Part(rows, list(labels[start : start + size]), ids[start : start + size])
        start += size
    return _whole(parts[""], spec) if "" in parts else _parts(parts, spec)


def _whole(whole: Part, spec: TaskSpec) -> Division:
    """Divide one set: test 30 %, validation 15 %, calibration 10 % (at most 512), the rest for training.

    Stratified by label, from the seed; exact copies stay together.
    """
    sizes = {"test": TEST, "validation": VALIDATION, "calibration": _calibration(len(whole)), "train": 0}
    made = Division(_cut(whole, sizes, spec.seed))
    made.notes.append(f"divided by a stratified rule from seed {spec.seed}, exact copies kept together")
    if spec.weights_given:
        made.notes.append("the weights were given and may have seen samples of the test split")
    return made


def _parts(parts: dict[str, Part], spec: TaskSpec) -> Division:
    """Divide what came in parts: ``train``, and ``validation`` or ``test`` or both.

    Calibration always comes from train. A missing validation comes from train where the model is yet to be trained,
    else out of test, since given weights may have seen all of train; a missing test comes out of validation.
    Held-out samples that are exact copies of ones in an earlier split are left out, and said so.
    """
    train, held = parts["train"], {name: parts[name] for name in ("validation", "test") if name in parts}
    if not held:
        raise BadInput(f"{spec.spec} has only train data; quality needs held-out data: a test part, a validation part, or both")
    made, sizes = Division(), {"calibration": _calibration(len(train)), "train": 0}
    from_train = "validation" not in held and not spec.weights_given
    if from_train:
        sizes = {"validation": min(MOST_VALIDATION, round(VALIDATION * len(train))), **sizes}
        made.notes.append(f"there is no validation data: {sizes['validation']} samples of train are held out for it")
    made.rows |= _cut(train, sizes, spec.seed)
    seen = set(train.ids)
    if len(held) == 1 and not from_train:
        part = _without(next(iter(held.values())), seen, f"held-out samples of {spec.spec}", made.notes)
        made.rows |= _cut(part, {"validation": HELD_OUT_VALIDATION, "test": 0}, spec.seed)
        reason = "the weights were given and may have seen all of train" if "test" in held else "there is no test data"
        made.notes.append(f"{reason}: the held-out part is divided, {HELD_OUT_VALIDATION:.0%} for validation, the rest for test")
        return made
    for name, given in held.items():
        part = _without(given, seen, f"{name} samples of {spec.spec}", made.notes)
        made.rows[name] = part.rows[stratified_order(part.labels, spec.seed)]
        seen |= set(part.ids)
    return made


def _calibration(available: int) -> int:
    return min(MOST_CALIBRATION, round(CALIBRATION * available))


def _cut(part: Part, sizes: Mapping[str, int | float], seed: int) -> dict[str, NDArray[Any]]:
    return {name: part.rows[positions] for name, positions in divided(part.labels, sizes, seed, part.ids).items()}


def _without(part: Part, seen: set[str], name: str, notes: list[str]) -> Part:
    """The part without exact copies of what was seen; raises `BadInput` where they are more than `COPIES`."""
    fresh = [i for i, digest in enumerate(part.ids) if digest not in seen]
    copies = len(part) - len(fresh)
    if not copies:
        return part
    if copies > COPIES * len(part):
        raise BadInput(f"{copies} of {len(part)} {name} are exact copies of samples that training or selection sees; divide the data anew")
    notes.append(f"left out {copies} of {len(part)} {name}: exact copies of samples that training or selection sees")
    return Part(part.rows[fresh], [part.labels[i] for i in fresh], [part.ids[i] for i in fresh])


def check_counts(rows: dict[str, NDArray[Any]], labels: Sequence[Any], source: str) -> None:
    """Raise `BadInput` for an empty split, or a test split with fewer samples than there are classes."""
    empty = [name for name, indices in rows.items() if not len(indices)]
    if empty:
        raise BadInput(f"{source} is too small: nothing is left for {listed(empty)}")
    if len(rows["test"]) < len(labels):
        raise BadInput(f"{source} is too small: {len(rows['test'])} test samples for {len(labels)} classes")
