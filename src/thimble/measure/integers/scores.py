"""How one quantized file scores on a processor with VNNI and on one without: measured on the kind at hand, emulated on the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thimble.core.processor import int8_support
from thimble.core.subject import Subject
from thimble.core.task import Batch, Metric, Split
from thimble.devices import start
from thimble.measure.outputs import fixed_batch, run_batch, sqnr_db

if TYPE_CHECKING:
    from thimble.core.task import Arrays
    from thimble.measure.integers.emulation import Emulation

BATCH, BATCH_BYTES = 32, 2_500_000
KINDS = ("with VNNI", "without VNNI")


def spread(split: Split, samples: int) -> list[int]:
    """Positions of so many samples, evenly spread over a split, whose order may be by class; shuffled, so that the first few are too."""
    positions = np.linspace(0, len(split) - 1, min(samples, len(split))).round().astype(int)
    return [int(i) for i in np.random.default_rng(0).permutation(positions)]


def together(inputs: Arrays, most: int = BATCH) -> int:
    """How many such samples are run at a time: few of large ones, so that time that is up is noticed."""
    return max(1, min(most, BATCH_BYTES // max(1, sum(array.nbytes for array in inputs.values()))))


def batches_at(split: Split, positions: list[int], size: int) -> Iterator[Batch]:
    """The samples at these positions. Splits that can't be read by position are read from the beginning."""
    take = getattr(split, "take", None)
    if take is not None:
        for start in range(0, len(positions), size):
            yield take(positions[start : start + size])
        return
    wanted, seen = set(positions), 0
    for batch in split.batches(size):
        rows = [i for i in range(len(batch)) if seen + i in wanted]
        seen += len(batch)
        if rows:
            targets = None if batch.targets is None else batch.targets[rows]
            yield Batch({name: array[rows] for name, array in batch.inputs.items()}, targets)


@dataclass(frozen=True)
class Reading:
    """Some samples to run: batches with the float model's first output for each (``None`` where it isn't known)."""

    batches: tuple[Batch, ...]
    wanted: tuple[Any, ...] | None
    split: str = ""

    def first(self, batches: int) -> Reading:
        """The beginning of it."""
        return Reading(self.batches[:batches], self.wanted and self.wanted[:batches], self.split)

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return sum(map(len, self.batches))


def reading(split: Split, name: str, subject: Subject, samples: int, alone: bool = False) -> Reading:
    """Samples spread over a split; ``alone`` gives them one by one, for files whose outputs depend on who shares the batch."""
    positions, fixed = spread(split, samples), fixed_batch(subject.artifact)
    size = fixed or (1 if alone else together(next(iter(split.batches(1))).inputs))
    found = batches_at(split, positions, size)
    return Reading(tuple(batch for batch in found if not fixed or len(batch) == fixed), None, name)


def on_both(subject: Subject, given: Reading, metric: Metric | None, seconds: float = 60.0) -> dict[str, Any]:
    """Scores and signal-to-noise ratios of one ONNX file on both kinds of processors.

    ``here`` is the kind at hand. Under each of ``with VNNI`` and ``without VNNI``: ``how`` (``measured`` or ``emulated``),
    ``scores`` sample by sample, ``sqnr_db`` against the float model; ``original`` has the float model's own scores.
    ``between_db`` compares the two with each other; ``cut`` is the share of pairs of products that 16 bits don't hold, by
    layer, largest first. Emulating ends after ``seconds``, with the samples that were run until then, the same for all.
    """
    from thimble.measure.integers.emulation import Emulation

    here = KINDS[1] if int8_support() == "saturating" else KINDS[0]
    other = KINDS[1 - KINDS.index(here)]
    path = subject.folder / subject.artifact.main
    risky = at_risk(path)
    emulation = Emulation(path, other == KINDS[1], subject.threads)
    played = _played(emulation, given, subject, seconds) if risky else []
    given = given.first(len(played)) if risky else given
    found: dict[str, Any] = {"here": here, "split": given.split, "samples": given.samples, "risky_layers": len(risky)}
    if given.wanted is not None:
        found["original"] = _scored([{"output": one} for one in given.wanted], given, metric)
    with start(subject) as worker:
        real = [run_batch(worker, batch, subject) for batch in given.batches]
    found[here] = _scored(real, given, metric) | {"how": "measured"}
    if not risky:
        return {**found, other: found[here] | {"how": "the same: no pair of products can overflow"}, "between_db": 200.0, "cut": {}}
    found[other] = _scored(played, given, metric) | {"how": "emulated"}
    found["between_db"] = _db([_first(o) for o in real], [_first(o) for o in played])
    if other == KINDS[0]:  # the cuts are those of the real run, counted by playing it too
        emulation = Emulation(path, True, subject.threads)
        emulation.run(_fed(given.batches[0], subject))
    shares = {name: cut / max(1, emulation.pairs[name]) for name, cut in emulation.cut.items() if cut}
    found["cut"] = dict(sorted(shares.items(), key=lambda item: -item[1]))
    return found


def _played(emulation: Emulation, given: Reading, subject: Subject, seconds: float) -> list[Arrays]:
    """The outputs of the batches that there is time for; one at least."""
    found: list[Arrays] = []
    until = time.monotonic() + seconds
    for batch in given.batches:
        found.append(emulation.run(_fed(batch, subject)))
        if time.monotonic() > until:
            break
    return found


def at_risk(path: Path) -> list[str]:
    """Layers of which some pair of signed weights can overflow 16 bits, if inputs are as large as they may be."""
    from thimble.measure.integers.emulation import Emulation
    from thimble.measure.integers.operators import OPERATORS
    from thimble.measure.integers.products import risky_pairs

    emulation = Emulation(path, True)
    found = []
    for stage in emulation.stages:
        for node in stage.integer:
            weights = emulation.constants[node.input[OPERATORS[node.op_type][2]]]
            if weights.dtype != np.int8 or node.op_type == "ConvInteger" or (weights.ndim > 2 and weights.shape[1] == 1):
                continue
            conv = "Conv" in node.op_type
            transposed = any(a.name == "transB" and a.i for a in node.attribute)
            matrix = np.moveaxis(weights, 1, -1).reshape(len(weights), -1).T if conv else weights.T if transposed else weights
            if risky_pairs(matrix.reshape(matrix.shape[-2], -1) if matrix.ndim == 2 else matrix.reshape(-1, matrix.shape[-1])):
                found.append(node.name or node.output[0])
    return found


def _fed(batch: Batch, subject: Subject) -> Arrays:
    """A batch under the artifact's names, in its types."""
    from thimble.core.model import fed

    return fed(batch.inputs, subject.artifact.inputs) if subject.artifact.inputs else batch.inputs


def _first(outputs: Arrays) -> Any:
    from thimble.measure.metrics._outputs import primary

    return primary(outputs)


def _scored(outputs: list[Arrays], given: Reading, metric: Metric | None) -> dict[str, Any]:
    """Scores sample by sample, where there are targets, and how the outputs follow the float model's."""
    found: dict[str, Any] = {"scores": [], "sqnr_db": None}
    if metric is not None and all(batch.targets is not None for batch in given.batches):
        rows = [metric.score(one, batch.targets) for one, batch in zip(outputs, given.batches, strict=True) if batch.targets is not None]
        found["scores"] = np.concatenate(rows).astype(float).tolist()
    if given.wanted is not None:
        found["sqnr_db"] = _db(list(given.wanted), [_first(one) for one in outputs])
    return found


def _db(wanted: list[Any], got: list[Any]) -> float:
    pairs = [(np.asarray(w, np.float64), np.asarray(g, np.float64)) for w, g in zip(wanted, got, strict=True)]
    return sqnr_db(sum(float((w**2).sum()) for w, _ in pairs), sum(float(((w - g) ** 2).sum()) for w, g in pairs))
