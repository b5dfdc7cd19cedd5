"""Export to ONNX, checked and compared with PyTorch."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import TORCH, Model, example_inputs
from thimble.core.settings import Opset
from thimble.core.step import Context
from thimble.core.values import first_line

OLDEST_EXPORTED = 18
"""The oldest opset that the exporter on ``torch.export`` writes; for older ones its down-conversion fails silently."""

ONE_FILE = 1_900_000_000
"""Bytes of weights up to which everything fits in one file (protobuf's limit is 2 GiB)."""


@dataclass(frozen=True)
class ToOnnx:
    """Write ``model.onnx`` with a free batch dimension, weights inside the file where protobuf allows.

    ``opset`` ``None`` takes the exporter's own (20). From 18 on the network is traced by ``torch.export``, below by
    TorchScript's exporter. The file passes ``onnx.checker`` and must answer as PyTorch does:
    on calibration samples where there are any, since far from its data a network may amplify rounding, else on noise.
    """

    opset: Opset | None = None

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 3
    effects: ClassVar[tuple[str, ...]] = ("export",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    helpful: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("torch", "onnx", "onnxscript", "onnxruntime")
    extra: ClassVar[str | None] = "torch"

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `NotApplicable` where the network can't be traced, `StepFailed` where the file is wrong."""
        path = context.output / "model.onnx"
        made = self._old(model, path) if self.opset is not None and self.opset < OLDEST_EXPORTED else self._new(model, path)
        opset = _check(path, self.opset)
        _without_shapes(path)
        agreement = _compare(model, made, path, context)
        return made.becoming(context.output, "onnx", opset=opset, agreement_db=round(agreement, 1))

    def _new(self, model: Model, path: Path) -> Model:
        import torch

        from thimble.steps.export._exporting import export_program, quiet

        program, made = export_program(model)
        large = sum(p.numel() * p.element_size() for p in model.payload.parameters()) > ONE_FILE
        try:
            with quiet():
                exported = torch.onnx.export(
                    program,
                    dynamo=True,
                    opset_version=self.opset,
                    input_names=[spec.name for spec in model.inputs],
                    output_names=list(model.outputs),
                    verbose=False,
                )
                assert exported is not None
                _tidy(exported.model)
                exported.save(str(path), external_data=large)
        except Exception as error:  # the exporter raises all kinds
            raise NotApplicable(f"this model has no ONNX form: {first_line(error)}") from error
        return made

    def _old(self, model: Model, path: Path) -> Model:
        import torch

        from thimble.steps.export._exporting import quiet

        free = {name: {0: "batch"} for name in (*(spec.name for spec in model.inputs), *model.outputs)}
        try:
            with quiet(), torch.no_grad():
                torch.onnx.export(
                    model.payload,
                    example_inputs(model),
                    str(path),
                    dynamo=False,
                    opset_version=self.opset,
                    input_names=[spec.name for spec in model.inputs],
                    output_names=list(model.outputs),
                    dynamic_axes=free,
                )
        except Exception as error:
            raise NotApplicable(f"this model has no ONNX form in opset {self.opset}: {first_line(error)}") from error
        return model


def _tidy(exported: Any) -> None:
    """Name operators after the layer that they come from, and leave out what the exporter notes of its own work.

    Notes hold lines of the user's source and paths of this machine, and are a sixth of a small quantized file.
    """
    taken: set[str] = set()
    for node in exported.graph.all_nodes():
        node.name = next(name for name in _numbered(f"{_layer(node)}/{node.op_type}") if name not in taken)
        taken.add(node.name)
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*exported.graph.inputs, *exported.graph.initializers.values()):
        value.metadata_props.clear()
    exported.graph.metadata_props.clear()
    exported.metadata_props.clear()


def _layer(node: Any) -> str:
    """The layer whose weight an operator reads, else the one whose code it comes from; nothing for the network itself."""
    weights = [value.name for value in node.inputs if value is not None and value.is_initializer() and value.name.endswith(".weight")]
    scopes: list[str] = ast.literal_eval(node.metadata_props.get("pkg.torch.onnx.name_scopes", "[]"))
    return weights[0].removesuffix(".weight") if weights else scopes[-2] if len(scopes) > 1 else ""


def _numbered(name: str) -> Iterator[str]:
    """The name, then the name with 2, 3, ..."""
    yield name
    yield from (f"{name}_{i}" for i in itertools.count(2))


def _without_shapes(path: Path) -> None:
    """Remove the shapes of inner tensors, which every runtime infers by itself."""
    import onnx

    loaded = onnx.load(str(path), load_external_data=False)
    del loaded.graph.value_info[:]
    onnx.save(loaded, str(path))


def _check(path: Path, asked: int | None) -> int:
    """The file's opset; raises `StepFailed` where it is another than asked, or the file isn't valid."""
    import onnx

    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise StepFailed(f"the exporter wrote a file that onnx.checker refuses: {first_line(error)}") from error
    loaded = onnx.load(str(path), load_external_data=False)
    opset = next(entry.version for entry in loaded.opset_import if entry.domain in ("", "ai.onnx"))
    if asked is not None and opset != asked:
        raise StepFailed(f"opset {asked} was asked for and the exporter wrote {opset}; leave --opset out, or take {opset}")
    return int(opset)


def _compare(model: Model, made: Model, path: Path, context: Context) -> float:
    """Run the file beside the network on the same inputs: the agreement in dB, `StepFailed` where they differ."""
    import onnxruntime

    from thimble.steps.export._exporting import check_agreement, samples, torch_outputs

    batch = 3 if made.inputs[0].shape[0] is None else 1
    example = samples(model, context, batch)
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        answered = session.run(list(model.outputs), {spec.name: t.numpy() for spec, t in zip(model.inputs, example, strict=True)})
    except Exception as error:
        raise StepFailed(f"ONNX Runtime can't run the exported file: {first_line(error)}") from error
    given = dict(zip(model.outputs, answered, strict=True))
    return check_agreement(torch_outputs(model, example), given, "the ONNX file")
