"""Networks of every kind go through fit's recipes: built in the steps' process, and run as they would ship."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from thimble.core.errors import NotApplicable
from thimble.core.model import TORCH, fed
from thimble.core.processor import features
from thimble.core.recipe import recipe
from thimble.core.registry import METRICS
from thimble.core.task import Arrays, ModelSpec, TaskSpec, one_sample
from thimble.data import open_task, split_info
from thimble.engine.build import Builder, Built, Failed
from thimble.engine.keys import Source
from thimble.engine.process import StepsProcess
from thimble.engine.store import Store
from thimble.models import fingerprint
from thimble.runtimes.onnxruntime import Onnxruntime

KINDS = Path(__file__).parent / "kinds.py"
Start = Callable[[str, str], Builder]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Builder for a function of ``kinds.py`` (or a file) and a task of it, all in one steps' process."""
    with StepsProcess() as process:
        store = Store(tmp_path_factory.mktemp("store"))

        def started(model: str, data: str) -> Builder:
            task_spec = TaskSpec(f"{KINDS}:{data}")
            task = open_task(task_spec)
            sample = one_sample(task)
            shapes, types = {k: a.shape for k, a in sample.items()}, {k: str(a.dtype) for k, a in sample.items()}
            spec = ModelSpec(model if model.endswith(".onnx") else f"{KINDS}:{model}", shapes=shapes, dtypes=types)
            facts = {name: info.fingerprint for name, info in split_info(task).items() if name != "test"}
            return Builder(store, process, Source(spec, task_spec, fingerprint(spec), facts, features()))

        yield started


def made(builder: Builder, text: str) -> Built:
    return builder.build(recipe("it", text, "onnxruntime"))


def outputs(built: Built, builder: Builder) -> tuple[Arrays, np.ndarray]:
    """What the artifact answers on validation data, and the targets."""
    batch = next(iter(open_task(builder.source.task).split("validation").batches(24)))
    session = Onnxruntime().open(
        str(built.model.folder / "model.onnx"), [spec.name for spec in built.model.inputs], list(built.model.outputs), 1, {}
    )
    assert batch.targets is not None
    return session.run(fed(batch.inputs, built.model.inputs)), batch.targets


@pytest.mark.parametrize(
    ("model", "data", "integers", "least_db"),
    [
        ("two_inputs", "two_inputs_data", 3, 20),
        ("lstm", "sequences", 1, 20),
        ("gru", "sequences", 1, 20),
        ("transformer", "tokens", 1, 15),
        ("mlp", "rows", 2, 15),
        ("segments", "pixels", 3, 20),
    ],
)
def test_a_kind_becomes_int8_that_answers_nearly_alike(start: Start, model: str, data: str, integers: int, least_db: float) -> None:
    builder = start(model, data)
    whole, small = made(builder, "to_onnx()"), made(builder, "to_onnx() + onnx_quantize_static()")
    assert [(spec.name, spec.dtype) for spec in whole.model.inputs] == [
        (name, str(array.dtype)) for name, array in one_sample(open_task(builder.source.task)).items()
    ]
    assert whole.model.notes["agreement_db"] > 60
    assert small.model.notes["quantized_operators"] >= integers
    (wanted, targets), (given, _) = outputs(whole, builder), outputs(small, builder)
    first = next(iter(wanted))
    noise = np.square(wanted[first] - given[first]).sum()
    assert 10 * np.log10(np.square(wanted[first]).sum() / noise) > least_db
    metric = METRICS.get(open_task(builder.source.task).metric)()
    assert 0 <= metric.aggregate(metric.score(given, targets)) <= 1
    assert metric.score(given, targets).shape == metric.score(wanted, targets).shape


def test_a_dictionary_of_outputs_keeps_its_names(start: Start) -> None:
    assert made(start("segments", "pixels"), "to_onnx()").model.outputs == ("out", "aux")


def test_a_quantized_file_runs_as_it_is_and_is_not_quantized_again(start: Start, tmp_path: Path) -> None:
    first = made(start("mlp", "rows"), "to_onnx() + onnx_quantize_static()")
    path = tmp_path / "quantized.onnx"
    path.write_bytes((first.model.folder / "model.onnx").read_bytes())
    builder = start(str(path), "rows")
    assert made(builder, "").model.format == "onnx"
    for step in ("onnx_quantize_static()", "onnx_quantize_dynamic()", "onnx_store_fp16()"):
        with pytest.raises(Failed, match=r"quantized already|stores no weight") as failed:
            made(builder, step)
        assert isinstance(failed.value.cause, NotApplicable)


def test_control_flow_keeps_pytorch_and_says_why_nothing_else_comes(start: Start) -> None:
    builder = start("branching", "rows")
    assert builder.build(recipe("baseline", "", "pytorch")).model.format == "torchscript"
    for text in ("to_onnx()", "to_onnx() + onnx_quantize_static()"):
        with pytest.raises(Failed, match=r"torch\.export can't trace this model") as failed:
            made(builder, text)
        assert isinstance(failed.value.cause, NotApplicable)
    with pytest.raises(Failed, match="FX graph mode can't trace"):
        builder.build(recipe("it", "fx_quantize_static()", "pytorch"))


def test_recurrent_layers_are_not_pruned_and_the_reason_is_told(start: Start) -> None:
    builder = start("lstm", "sequences")
    with pytest.raises(Failed, match="no layer of this model has channels that can be removed"):
        builder.build(recipe("it", "prune_channels(0.5)", "pytorch"))
    assert builder.open_source().model.format == TORCH
