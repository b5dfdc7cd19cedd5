"""What each technique does to a network, on a tiny one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from thimble.core.errors import BadInput, NotApplicable, StepFailed
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.steps.compress._training import flush_denormals
from thimble.steps.compress.distill import Distill
from thimble.steps.compress.finetune import Finetune
from thimble.steps.compress.fx_quantize_static import FxQuantizeStatic
from thimble.steps.compress.onnx_quantize_dynamic import OnnxQuantizeDynamic
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic
from thimble.steps.compress.prune_channels import PruneChannels, output_layers
from thimble.steps.compress.prune_weights import PruneWeights
from thimble.steps.compress.torch_quantize_dynamic import TorchQuantizeDynamic
from thimble.steps.compress.train import Train
from thimble.steps.export.to_onnx import ToOnnx


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_prune_weights_zeroes_the_smallest_and_removes_nothing(tiny: Model, context: Context) -> None:
    pruned = PruneWeights(0.5).apply(tiny, context)
    assert parameters(pruned.payload) == parameters(tiny.payload)
    before, after = tiny.payload.stem.weight, pruned.payload.stem.weight
    zero = after == 0
    assert zero.float().mean() == pytest.approx(0.5, abs=0.01)
    assert before[zero].abs().max() <= before[~zero].abs().min()


def test_prune_channels_removes_parameters_and_keeps_the_classifier_wide(tiny: Model, context: Context) -> None:
    pruned = PruneChannels(0.5).apply(tiny, context)
    assert parameters(pruned.payload) < 0.5 * parameters(tiny.payload)
    assert pruned.payload.stem.out_channels == 8
    assert pruned.payload.head.out_features == 10


def test_round_to_keeps_channel_counts_a_multiple(tiny: Model, context: Context) -> None:
    pruned = PruneChannels(0.3, round_to=8).apply(tiny, context)
    convolutions = [m for m in pruned.payload.modules() if isinstance(m, nn.Conv2d)]
    assert all(conv.out_channels % 8 == 0 for conv in convolutions)


def test_output_layers_are_those_that_make_outputs(tiny: Model) -> None:
    assert output_layers(tiny.payload, (torch.zeros(1, 3, 16, 16),)) == [tiny.payload.head]


def test_prune_channels_gives_its_reason(context: Context) -> None:
    only_head = Model("torch", nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).eval(), (TensorSpec("x", (None, 3, 2, 2)),), ("output",))
    with pytest.raises(NotApplicable, match="no layer"):
        PruneChannels(0.5).apply(only_head, context)


@pytest.mark.parametrize("step", [PruneChannels, PruneWeights])
@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.1])
def test_ratios_that_make_no_sense_are_refused(step: type, ratio: float) -> None:
    with pytest.raises(BadInput, match=str(ratio)):
        step(ratio)


def test_finetuning_keeps_zeros_zero(tiny: Model, context: Context) -> None:
    pruned = PruneWeights(0.5).apply(tiny, context)
    tuned = Finetune(1, batch_size=64, features=0).apply(pruned, context)
    was_zero = pruned.payload.stem.weight == 0
    assert (tuned.payload.stem.weight[was_zero] == 0).all()
    assert not torch.equal(tuned.payload.stem.weight, pruned.payload.stem.weight)


def test_training_learns_the_digits(tiny: Model, context: Context) -> None:
    trained = Train(6, learning_rate=5e-3).apply(tiny, context)
    assert context.task
    batch = next(iter(context.task.split("validation").batches(300)))
    with torch.inference_mode():
        answers = (
            trained.payload(torch.from_numpy(batch.inputs["x" if "x" in batch.inputs else next(iter(batch.inputs))])).argmax(1).numpy()
        )
    assert (answers == batch.targets).mean() > 0.8


def test_training_goes_on_from_its_checkpoint_and_ends_the_same(tiny: Model, context: Context, tmp_path: Path) -> None:
    whole = Train(2, batch_size=64).apply(tiny, replace(context, scratch=tmp_path / "whole"))

    class Cut(Exception):
        pass

    def cut(done: float, words: str) -> None:
        if done > 0.6:
            raise Cut

    interrupted = replace(context, scratch=tmp_path / "cut", progress=cut)
    with pytest.raises(Cut):
        Train(2, batch_size=64).apply(tiny, interrupted)
    assert (tmp_path / "cut" / "state.pt").exists()
    resumed = Train(2, batch_size=64).apply(tiny, replace(interrupted, progress=context.progress))
    for one, other in zip(whole.payload.parameters(), resumed.payload.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_training_that_diverges_says_so(tiny: Model, context: Context) -> None:
    tiny.payload.head.weight.data.fill_(float("nan"))
    with pytest.raises(StepFailed, match="diverged"):
        Train(1).apply(tiny, context)


def test_denormal_weights_are_flushed() -> None:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data[:] = torch.tensor([[1e-40, 0.5]])
    assert flush_denormals(layer) == 1
    assert layer.weight.tolist() == [[0.0, 0.5]]


def test_a_student_with_other_outputs_is_not_applicable(tiny: Model, context: Context) -> None:
    other = replace(tiny, payload=nn.Sequential(nn.Flatten(), nn.Linear(768, 7)))
    with pytest.raises(NotApplicable, match="7"):
        Distill("other").apply(tiny, replace(context, open_model=lambda spec: other))


def test_fx_static_holds_int8_weights(tiny: Model, context: Context) -> None:
    made = FxQuantizeStatic().apply(tiny, context)
    assert made.notes["calibration_samples"] == 100
    scripted = torch.jit.load(str(made.folder / "model.pt"))
    assert "quantized::conv2d" in str(scripted.inlined_graph)


def test_fx_refuses_control_flow_that_depends_on_data(context: Context) -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x) if x.sum() > 0 else -self.layer(x)

    model = Model("torch", Branching().eval(), (TensorSpec("x", (None, 4)),), ("output",))
    with pytest.raises(NotApplicable, match="FX graph mode can't trace"):
        FxQuantizeStatic().apply(model, context)


def test_dynamic_says_what_it_left_in_float(tiny: Model, context: Context) -> None:
    made = TorchQuantizeDynamic().apply(tiny, context)
    assert made.notes["quantized_layers"] == {"Conv2d": 0, "Linear": 1}
    assert made.notes["float_layers"] == {"Conv2d": 4, "Linear": 0}


def as_onnx(tiny: Model, context: Context, tmp_path: Path) -> Model:
    (tmp_path / "onnx").mkdir()
    return ToOnnx().apply(tiny, replace(context, output=tmp_path / "onnx"))


def test_static_onnx_quantizes_every_convolution(tiny: Model, context: Context, tmp_path: Path) -> None:
    made = OnnxQuantizeStatic().apply(as_onnx(tiny, context, tmp_path), context)
    assert made.notes["quantized_operators"] == 5
    assert made.notes["float_operators"] == 0
    initializers = {t.name: t for t in onnx.load(str(made.folder / "model.onnx")).graph.initializer}
    int8 = [t for t in initializers.values() if t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 4]
    assert len(int8) == 4


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_histograms_are_filled_batch_by_batch(tiny: Model, context: Context, tmp_path: Path, method: str, monkeypatch: Any) -> None:
    from onnxruntime.quantization.calibrate import HistogramCollector

    seen: list[int] = []
    collect = HistogramCollector.collect

    def counted(self: Any, values: dict[str, list[Any]]) -> Any:
        seen.append(sum(len(array) for array in values["x"]))
        return collect(self, values)

    monkeypatch.setattr(HistogramCollector, "collect", counted)
    made = OnnxQuantizeStatic(method=method).apply(as_onnx(tiny, context, tmp_path), context)
    assert made.notes["calibration_samples"] == sum(seen) == 100
    assert max(seen) == 4


def test_reduced_range_keeps_weights_to_seven_bits(tiny: Model, context: Context, tmp_path: Path) -> None:
    made = OnnxQuantizeStatic(reduce_range=True).apply(as_onnx(tiny, context, tmp_path), context)
    graph = onnx.load(str(made.folder / "model.onnx")).graph
    weights = [onnx.numpy_helper.to_array(t) for t in graph.initializer if t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 4]
    assert max(int(np.abs(w.astype(int)).max()) for w in weights) <= 64


def test_a_quantized_file_is_not_quantized_again(tiny: Model, context: Context, tmp_path: Path) -> None:
    quantized = OnnxQuantizeDynamic().apply(as_onnx(tiny, context, tmp_path), context)
    (tmp_path / "again").mkdir()
    with pytest.raises(NotApplicable, match="quantized already"):
        OnnxQuantizeStatic().apply(quantized, replace(context, output=tmp_path / "again"))
