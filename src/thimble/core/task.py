"""The data and the metric: disjoint splits of samples, read in batches of named arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from thimble.core.preprocess import Preprocess
from thimble.core.values import TensorSpec, digest_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPLITS = ("train", "calibration", "validation", "test")
"""The splits every task may have. Only ``test`` must never be seen before the final figures."""

Arrays = dict[str, "NDArray[Any]"]
"""Tensors by name; the first dimension is the batch."""


@dataclass(frozen=True)
class Batch:
    """Some samples: inputs by name, and their targets (``None`` where there are no labels)."""

    inputs: Arrays
    targets: NDArray[Any] | None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


class Split(Protocol):
    """One part of the data. Reading it twice gives the same samples in the same order."""

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def batches(self, size: int) -> Iterator[Batch]:
        """All samples in order, ``size`` at a time (the last batch may be smaller)."""
        ...

    def fingerprint(self) -> str:
        """A digest of the samples' identities: equal exactly when the splits hold the same samples in the same order."""
        ...

    def sample_ids(self) -> tuple[str, ...]:
        """One digest per sample, of its raw content: what makes overlap between splits visible."""
        ...


@runtime_checkable
class Task(Protocol):
    """Data with a metric.

    ``metric`` is a registered name; ``labels`` are class names (empty where there are none);
    ``preprocess`` is the transform from an image file to the input (``None`` where inputs are tensors already).
    ``notes`` says in words what a reader must know of how the data was split.
    """

    name: str
    metric: str
    labels: tuple[str, ...]
    preprocess: Preprocess | None
    notes: tuple[str, ...]

    def split(self, name: str) -> Split:
        """One of `SPLITS`; raises `BadInput` where the task has none of that name."""
        ...


def beginning_fingerprint(whole: str, samples: int) -> str:
    """The fingerprint of the first samples of a split whose fingerprint is ``whole``."""
    return digest_of(whole, samples)


def one_sample(task: Task) -> Arrays:
    """The inputs of one real sample, from the calibration split: what is timed, and what tells shapes and types."""
    return next(iter(task.split("calibration").batches(1))).inputs


@runtime_checkable
class Metric(Protocol):
    """Scores outputs sample by sample, so that two models can be compared in pairs.

    ``binary`` metrics score 0 or 1 per sample (right or wrong). ``unit`` is ``%`` for fractions shown in percent.
    A metric whose figure is not the mean of per-sample scores gives per-sample *statistics* and `aggregate`
    (mean IoU: a row of intersections and unions per sample). A metric may have more:

    ``guessing(targets)``, for a ``binary`` one: what the best answer that is the same for all samples gets, from 0 to 1;
    ``threshold``, a field: the number above which one output decides for class 1, set from the baseline;
    ``compare(outputs, others)``: scores against the baseline's outputs, for data without labels, which then need no targets;
    ``beside(scores)``: further figures from the same rows, by name, as text with their unit;
    ``classes``: true where targets are numbers of classes;
    ``continuous``: true where a single sample's error has no upper bound.
    """

    unit: ClassVar[str]
    higher_is_better: ClassVar[bool]
    binary: ClassVar[bool]

    def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
        """Per-sample scores, shape ``(n,)``, or statistics, shape ``(n, k)``."""
        ...

    def aggregate(self, scores: NDArray[Any]) -> float:
        """One figure from any number of rows of `score`."""
        ...


@dataclass(frozen=True)
class TaskSpec:
    """How a task was asked for; enough to open the same one again in another process.

    ``spec`` is ``NAME`` or ``NAME:ARGUMENT``. ``size``, ``mean``, ``std``, ``channels`` and ``scale`` override the model's own
    preprocessing; ``takes`` are its inputs and ``gives`` the shapes of its outputs, as far as they are known before it runs.
    ``resizing`` says how pictures with boxes are brought to the input's size, ``stretch`` or ``letterbox``. ``rate`` and ``features``
    say how sounds are read.
    ``metric`` scores in place of the data's own: a registered name, or ``file.py:function``.
    ``classes_of_head`` is known where given weights fix the number of outputs; ``weights_given`` says that the
    weights may have seen the task's training data.
    """

    spec: str
    size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    seed: int = 0
    weights_given: bool = False
    preprocess: Preprocess | None = None
    classes_of_head: int | None = None
    channels: str | None = None
    scale: float | None = None
    rate: int | None = None
    features: str | None = None
    takes: tuple[TensorSpec, ...] = ()
    gives: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)
    resizing: str | None = None
    metric: str | None = None

    @property
    def source(self) -> str:
        """The registered name before the colon."""
        return self.spec.partition(":")[0]

    @property
    def argument(self) -> str:
        """Return the part after the colon, or nothing."""
        return self.spec.partition(":")[2]


@dataclass(frozen=True)
class ModelSpec:
    """How a model was asked for; enough to build the same one again in another process.

    ``spec`` is ``NAME:ARGUMENT`` or a path; ``weights`` is ``None``, ``imagenet`` or a file. ``shapes`` are input shapes
    where the source leaves them open, the batch first, and ``dtypes`` their NumPy types (``float32`` where absent);
    ``classes`` the size of a new head. ``values`` are numbers that fill inputs which the data don't give; ``states`` the
    outputs that inputs come from at the next step, ``batch_axes`` the places of batches. ``named`` says that the shapes
    bear the model's own names for its inputs, as a user gave them; those of data may differ, and are then matched by
    position.
    """

    spec: str
    weights: str | None = None
    classes: int | None = None
    shapes: Mapping[str, tuple[int, ...]] | None = None
    size: int | None = None
    seed: int = 0
    dtypes: Mapping[str, str] | None = None
    values: Mapping[str, float] | None = None
    states: Mapping[str, str] | None = None
    batch_axes: Mapping[str, int] | None = None
    named: bool = False
