"""How data is divided where its owner didn't, and what happens to samples that lie in two splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thimble.base.errors import BadInput
from thimble.base.values import listed
from thimble.catalog.tasks._stratify import divided, stratified_order

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


def divide_whole(whole: Part, seed: int, weights_given: bool) -> Division:
    """Divide one set: test 30 %, validation 15 %, calibration 10 % (at most 512), the rest for training.

    Stratified by label, from the seed; exact copies stay together.
    """
    sizes = {"test": TEST, "validation": VALIDATION, "calibration": _calibration(len(whole)), "train": 0}
    made = Division(_cut(whole, sizes, seed))
    made.notes.append(f"divided by a stratified rule from seed {seed}, exact copies kept together")
    if weights_given:
        made.notes.append("the weights were given: whether they have seen samples of the test split can't be known from here")
    return made


def divide_parts(parts: dict[str, Part], seed: int, weights_given: bool) -> Division:
    """Divide what came in parts: ``train``, and ``validation`` or ``test`` or both.

    Calibration always comes from train. A missing validation comes from train where the model is yet to be trained,
    else out of test, since given weights may have seen all of train; a missing test comes out of validation.
    Held-out samples that are exact copies of ones in an earlier split are left out, and said so.
    """
    made = Division()
    train, validation, test = parts["train"], parts.get("validation"), parts.get("test")
    sizes: dict[str, int | float] = {"calibration": _calibration(len(train)), "train": 0}
    if validation is None and not weights_given:
        sizes = {"validation": min(MOST_VALIDATION, round(VALIDATION * len(train))), **sizes}
        made.notes.append(f"there is no validation data: {sizes['validation']} samples of train are held out for it")
    made.rows |= _cut(train, sizes, seed)
    seen = set(train.ids)
    if "validation" not in made.rows:
        held = [part for part in (validation, test) if part is not None]
        if len(held) == 1:
            held = [_without(held[0], seen, "held-out", made.notes)]
            made.rows |= _cut(held[0], {"validation": HELD_OUT_VALIDATION, "test": 0}, seed)
            given = "weights were given and may have seen all of train" if test is not None else "test data is missing"
            made.notes.append(f"{given}: the held-out part is divided, {HELD_OUT_VALIDATION:.0%} for validation, the rest for test")
            return made
        assert validation is not None
        validation = _without(validation, seen, "validation", made.notes)
        made.rows["validation"] = validation.rows[stratified_order(validation.labels, seed)]
        seen |= set(validation.ids)
    if test is None:
        raise BadInput("there is no held-out data: give a test part, a validation part, or both")
    test = _without(test, seen, "test", made.notes)
    made.rows["test"] = test.rows[stratified_order(test.labels, seed)]
    return made


def _calibration(available: int) -> int:
    return min(MOST_CALIBRATION, round(CALIBRATION * available))


def _cut(part: Part, sizes: dict[str, int | float], seed: int) -> dict[str, NDArray[Any]]:
    return {name: part.rows[positions] for name, positions in divided(part.labels, sizes, seed, part.ids).items()}


def _without(part: Part, seen: set[str], name: str, notes: list[str]) -> Part:
    """The part without exact copies of what was seen; raises `BadInput` where they are more than `COPIES`."""
    fresh = [i for i, digest in enumerate(part.ids) if digest not in seen]
    copies = len(part) - len(fresh)
    if not copies:
        return part
    if copies > COPIES * len(part):
        raise BadInput(
            f"{copies} of {len(part)} {name} samples are exact copies of samples that training or selection sees; divide the data anew"
        )
    notes.append(f"left out {copies} of {len(part)} {name} samples: exact copies of samples that training or selection sees")
    return Part(part.rows[fresh], [part.labels[i] for i in fresh], [part.ids[i] for i in fresh])


def check_counts(rows: dict[str, NDArray[Any]], labels: Sequence[Any], source: str) -> None:
    """Raise `BadInput` for an empty split, or a test split with fewer samples than there are classes."""
    empty = [name for name, indices in rows.items() if not len(indices)]
    if empty:
        raise BadInput(f"{source} is too small: nothing is left for {listed(empty)}")
    if len(rows["test"]) < len(labels):
        raise BadInput(f"{source} is too small: {len(rows['test'])} test samples for {len(labels)} classes")
