"""Conversion to ncnn's files with pnnx."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import Model
from thimble.core.step import Context, needing
from thimble.core.values import TensorSpec, listed

TYPES = {"float32": "f32", "float64": "f64", "float16": "f16", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8", "uint8": "u8"}
"""Names of types on pnnx's command line."""
STORED = ("float32", "float16")
_PLAIN = re.compile(r"[A-Za-z_][\w.:/-]{0,99}")
"""Names that ncnn reads as one word and doesn't confuse with its own numbers."""


@dataclass(frozen=True)
class ToNcnn:
    """Write ``model.param`` and ``model.bin`` with pnnx. ``weights`` is the type that weights are stored in: ``float32`` or ``float16``.

    ncnn's networks take one sample at a time, so the batch dimension is left out. Tensors keep their names. What is computed in 16
    bits is an option of the runtime: ``use_bf16_storage=1`` for bfloat16, ``use_fp16_storage=1`` for FP16. Neither pnnx nor the ncnn
    package quantizes to INT8. Tables of embeddings don't convert from ONNX (their Gather).
    """

    weights: str = "float32"

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "ncnn"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("export",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    helpful: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("pnnx", "ncnn")
    extra: ClassVar[str | None] = "ncnn"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"weights": STORED}

    @property
    def agrees_db(self) -> float:
        """Decibels: rounding to FP16 leaves 60 to 70, unless weights are far from 1."""
        return 60.0 if self.weights == "float32" else 40.0

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `NotApplicable` where ncnn lacks an operator, `StepFailed` where pnnx fails or crashes."""
        with needing("ncnn"):
            import pnnx
        from thimble.steps.export._tools import run_tool

        shapes, work = _shapes(model.inputs), context.scratch / "pnnx"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        for path in filter(Path.is_file, model.folder.iterdir()):
            shutil.copyfile(path, work / path.name)
        half = int(self.weights == "float16")
        run_tool("pnnx", [pnnx.EXEC_PATH, "model.onnx", f"inputshape={shapes}", f"fp16={half}"], work, context.threads)
        if not (work / "model.ncnn.param").is_file():
            raise StepFailed("pnnx wrote no file for ncnn, and didn't say why")
        text = (work / "model.ncnn.param").read_text(encoding="utf-8")
        (context.output / "model.param").write_text(_named(_known(text), model), encoding="utf-8")
        shutil.copyfile(work / "model.ncnn.bin", context.output / "model.bin")
        shutil.rmtree(work, ignore_errors=True)
        return model.becoming(context.output, "ncnn", operators=len(text.splitlines()) - 2)


def _shapes(inputs: tuple[TensorSpec, ...]) -> str:
    """The inputs at batch 1 as pnnx reads them: ``[1,3,32,32]f32,[1,5]i64``."""
    for spec in inputs:
        if spec.dtype not in TYPES:
            raise NotApplicable(f"pnnx takes no input of the type {spec.dtype}, which {spec.name} has")
    return ",".join(f"[{','.join(map(str, spec.with_batch(1)))}]{TYPES[spec.dtype]}" for spec in inputs)


def _known(text: str) -> str:
    """The list of layers; raises `NotApplicable` for those that ncnn doesn't know: pnnx writes on where it can't convert one."""
    import ncnn

    foreign = sorted({kind for line in text.splitlines()[2:] if ncnn.layer_to_index(kind := line.split()[0]) < 0})
    if foreign:
        raise NotApplicable(f"ncnn has no operator for {listed(foreign)}")
    return text


def _named(text: str, model: Model) -> str:
    """The layers with the model's names of inputs and outputs in place of pnnx's ``in0``, ``out0``, ...

    Names that could be confused stay pnnx's: the runtime then goes by position.
    """
    names = {f"in{i}": spec.name for i, spec in enumerate(model.inputs)} | {f"out{i}": name for i, name in enumerate(model.outputs)}
    if len(set(names.values())) < len(names) or not all(map(_PLAIN.fullmatch, names.values())):
        return text
    head, lines = text.splitlines()[:2], []
    for line in text.splitlines()[2:]:
        kind, name, bottoms, tops, *rest = line.split()
        blobs = int(bottoms) + int(tops)
        renamed = [names.get(blob, blob) for blob in rest[:blobs]]
        lines.append(" ".join((f"{kind:24} {name:24} {bottoms} {tops}", *renamed, *rest[blobs:])))
    return "\n".join([*head, *lines]) + "\n"
