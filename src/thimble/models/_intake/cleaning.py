"""The order of the transforms, the check of their result, and the notes on both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.model import Model, noise_inputs
from thimble.core.values import TensorSpec, first_line
from thimble.models._intake.agreement import agreement_db, answers
from thimble.models._intake.folding import fold
from thimble.models._intake.naming import fresh_names
from thimble.models._intake.numbers import fix_numbers
from thimble.models._intake.opset import raise_opset
from thimble.models._intake.sharing import untie
from thimble.models._intake.structure import bare_inputs, inlined, tidy
from thimble.models._intake.widening import has_halves, widen

if TYPE_CHECKING:
    from thimble.core.task import Arrays

LEAST_DB = 60.0
"""Agreement with the original that is asked of the clean network on every output."""

LEAST_HALF_DB = 30.0
"""The same where the original computes in 16 bits, whose rounding the clean network doesn't share."""

LARGEST = 1_900_000_000
"""Bytes of a file with its external data up to which it is normalised: the tools pass models as one protobuf message."""


@dataclass(frozen=True)
class _Cleaned:
    """A normalised network, and a line for each change."""

    proto: Any
    changes: list[str]


def clean_onnx(model: Model, output: Path, samples: Arrays | None = None, threads: int = 1) -> Model:
    """The model with its file normalised, written to ``output``; the note ``normalised`` lists the changes: a model that has
    it went through intake.

    Where a transform fails, or the result doesn't answer like the original on ``samples`` (noise where there are none),
    the original is kept and the note says why. A quantized file is kept as it is.
    """
    from thimble.models._onnx_check import quantized_operators

    source = model.folder / "model.onnx"
    if sum(path.stat().st_size for path in model.folder.rglob("*") if path.is_file()) > LARGEST:
        return _kept(model, "the file is larger than 1.9 GB")
    proto = _loaded(source)
    if quantized_operators(proto):
        return model.becoming(model.payload, normalised=[])
    halves = has_halves(proto)
    reasons = []
    for folding in (True, False):
        try:
            cleaned = _cleaned(_loaded(source), model.inputs, folding)
            agreement = _checked(cleaned.proto, source, model, samples, threads)
        except Exception as error:  # onnx's converter and passes and ONNX Runtime raise all kinds, on any file
            reasons.append(first_line(error))
            continue
        if agreement >= (LEAST_HALF_DB if halves else LEAST_DB):
            return _written(model, cleaned, output, agreement)
        reasons.append(f"the normalised network agrees to {agreement:.0f} dB only")
    return _kept(model, reasons[0])


def _loaded(source: Path) -> Any:
    import onnx

    return onnx.load(str(source))


def _cleaned(proto: Any, inputs: tuple[TensorSpec, ...], folding: bool) -> _Cleaned:
    """Every transform in order; without ``folding``, those that change no computation."""
    changes: list[str | None] = []
    proto, change = inlined(proto)
    changes += [change, bare_inputs(proto), fix_numbers(proto, inputs)]
    proto, change = raise_opset(proto)
    changes += [change, widen(proto)]
    if folding:
        proto, change = fold(proto)
        changes.append(change)
    proto, change = tidy(proto)
    changes += [change, untie(proto), fresh_names(proto)]
    return _Cleaned(_inferred(proto), [line for line in changes if line])


def _inferred(proto: Any) -> Any:
    """The shapes that onnx infers; the network without them where it can't."""
    import onnx

    del proto.graph.value_info[:]
    try:
        return onnx.shape_inference.infer_shapes(proto, data_prop=True)
    except (onnx.shape_inference.InferenceError, ValueError, RuntimeError):
        return proto


def _checked(proto: Any, source: Path, model: Model, samples: Arrays | None, threads: int) -> float:
    given = samples or noise_inputs(model.inputs, 2)
    try:
        wanted = answers(source, given, threads)
    except Exception:  # two samples may be one too many; what ONNX Runtime raises has no common base
        given = noise_inputs(model.inputs, 1)
        wanted = answers(source, given, threads)
    return agreement_db(wanted, answers(proto.SerializeToString(), given, threads))


def _written(model: Model, cleaned: _Cleaned, output: Path, agreement: float) -> Model:
    import onnx

    output.mkdir(parents=True, exist_ok=True)
    onnx.save(cleaned.proto, str(output / "model.onnx"))
    alike = "answers exactly as given" if agreement == math.inf else f"agrees with the original to {agreement:.0f} dB"
    return model.becoming(output, normalised=[*cleaned.changes, alike] if cleaned.changes else [])


def _kept(model: Model, reason: str) -> Model:
    return model.becoming(model.payload, normalised=[f"kept as given: {reason}"])
