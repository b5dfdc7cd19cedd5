"""What probes and steps leave in a study, as far as rules and reports compute with it: checked when a study is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import msgspec

from thimble.core.bounds import Amount, Count, Number, Positive, Several, Share


class Graph(TypedDict):
    """What ONNX Runtime executes; see `thimble.measure.probes.graph`."""

    nodes: Several
    integer: Count
    float: Count
    quantize: Count
    dequantize: Count
    conv_integer: Count
    dynamic: Count
    batch_norms: Count
    quantized: Count
    activations: dict[str, Count]
    fake_quantized: Count
    convolutions: Count
    not_by_8: Count
    not_by_16: Count


class Scored(TypedDict):
    """Scores of one file on one kind of processor."""

    scores: tuple[Number | tuple[Number, ...], ...]
    sqnr_db: Number | None


class Played(Scored):
    """The same, and how it is known."""

    how: str


class Original(TypedDict, total=False):
    """The float form's own scores, where it is known."""

    original: Scored


_Processors = TypedDict(
    "_Processors",
    {
        "here": str, "with VNNI": Played, "without VNNI": Played, "between_db": Number, "cut": dict[str, Share], "samples": Count,
        "split": str,
    },
)  # fmt: skip


class Processors(_Processors, Original):
    """One file on processors with VNNI and without; see `thimble.measure.integers.scores`."""


class Range(TypedDict):
    """The range that a tensor was calibrated for, and the share of the data beyond it."""

    low: Number
    high: Number
    clipped: Share
    used: Amount


class Ranges(TypedDict):
    """Calibrated ranges; see `thimble.measure.probes.ranges`."""

    input: dict[str, Range]
    inside: dict[str, Range]
    tensors: Count
    clipped: Share


class Subnormals(TypedDict, total=False):
    """Shares of numbers too small for full speed."""

    weights: Count | None
    weights_share: Share | None
    activations: Count | None
    activations_share: Share | None


class Storage(TypedDict, total=False):
    """Bytes by what they are for; see `thimble.measure.probes.storage`."""

    weights: Count
    constants: Count
    rest: int


class Energy(TypedDict):
    """Energy of one inference."""

    joules: Amount
    joules_above_idle: Amount


class Gain(TypedDict):
    """How many times faster something makes an artifact, with its interval."""

    value: Positive
    low: Positive
    high: Positive


class Remedies(TypedDict):
    """Advice that was tried; see `thimble.measure.probes.remedies`."""

    tried: dict[str, Gain]


class Likeness(TypedDict):
    """How alike outputs are, on noise or on samples."""

    sqnr_db: Number | None
    cosine: Number | None
    largest: NotRequired[Number]
    reach: NotRequired[Number]


class Notes(TypedDict, total=False):
    """What steps note for rules."""

    reduce_range: bool
    calibration_samples: Count
    float_layers: dict[str, Count] | list[str]
    float_operators: Count


PROBES: Mapping[str, Any] = {
    "graph": Graph,
    "processors": Processors,
    "ranges": Ranges,
    "subnormals": Subnormals,
    "storage": Storage,
    "energy": Energy,
    "remedies": Remedies,
    "on_noise": Likeness,
    "on_samples": Likeness,
}


def check_probe(name: str, values: dict[str, Any]) -> None:
    """Raise `msgspec.ValidationError` where a probe's values are not what the rules of this version read.

    Where none of them is there, such as where ``not available`` stands in their place, no rule looks.
    """
    kind = PROBES.get(name)
    if kind is not None and set(values) & (kind.__required_keys__ | kind.__optional_keys__):
        msgspec.convert(values, kind)


def check_notes(notes: dict[str, Any]) -> None:
    """Raise `msgspec.ValidationError` where a step's notes are not what the rules read."""
    msgspec.convert(notes, Notes)
