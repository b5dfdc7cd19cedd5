"""Networks become LiteRT's files: the same answers in FP32, close ones in INT8, with ranges that hold every sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.subject import Subject
from thimble.core.values import TensorSpec
from thimble.devices.process import Worker
from thimble.engine.opening import check_answers, check_opens
from thimble.formats import describe
from thimble.models import agreement_db, look_through
from thimble.runtimes.litert import Litert
from thimble.steps.compress.litert_quantize_dynamic import LitertQuantizeDynamic
from thimble.steps.compress.litert_quantize_static import LitertQuantizeStatic
from thimble.steps.export.to_litert import ToLitert

pytest.importorskip("litert_torch")
pytest.importorskip("ai_edge_quantizer")


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


@pytest.fixture
def whole(tiny: Model, context: Context) -> Model:
    (context.output / "whole").mkdir()
    return ToLitert().apply(tiny, replace(context, output=context.output / "whole"))


def test_answers_are_pytorchs(whole: Model, tiny: Model, context: Context) -> None:
    assert [path.name for path in whole.folder.iterdir()] == ["model.tflite"]
    assert [tuple(spec.shape) for spec in whole.inputs] == [(1, 3, 16, 16)]
    look_through(whole.folder / "model.tflite", "tflite")
    check_opens(whole, context.task, 1, "it")
    assert check_answers(whole, tiny, ToLitert(), context.task, 1).notes["agreement_db"] > 90


@pytest.mark.parametrize("step", [LitertQuantizeStatic(samples=64), LitertQuantizeDynamic()])
def test_int8_is_smaller_and_close(step: LitertQuantizeStatic | LitertQuantizeDynamic, whole: Model, context: Context) -> None:
    (context.output / "small").mkdir()
    made = step.apply(whole, replace(context, output=context.output / "small"))
    sizes = [(model.folder / "model.tflite").stat().st_size for model in (made, whole)]
    assert sizes[0] < 0.7 * sizes[1]
    check_opens(made, context.task, 1, "it")
    assert check_answers(made, whole, step, context.task, 1).notes["agreement_db"] > 15


def test_no_calibration_sample_is_clipped(whole: Model, context: Context) -> None:
    """The quantizer's own moving average would leave out what only one sample reaches."""
    (context.output / "small").mkdir()
    assert context.task
    made = LitertQuantizeStatic(samples=64).apply(whole, replace(context, output=context.output / "small"))
    images = next(iter(context.task.split("calibration").batches(64))).inputs["input"]
    answers = []
    for model in (whole, made):
        session = Litert().open(str(model.folder / "model.tflite"), ["x"], ["output"], 1, {})
        answers.append(np.concatenate([session.run({"x": image[None]})["output"] for image in images]))
        session.close()
    true, rough = answers
    assert rough.max() > 0.97 * true.max()
    assert rough.min() < 0.97 * true.min()
    assert agreement_db({"output": true}, {"output": rough}) > 15


def test_channels_last_is_told_to_every_reader(tiny: Model, whole: Model, context: Context) -> None:
    """The file takes 16 x 16 x 3, its description says so, and the same data give the same answers, quantized too."""
    assert context.task
    made = {}
    for name, step, parent in (("last", ToLitert("nhwc"), tiny), ("int8", LitertQuantizeStatic(samples=64), None)):
        (context.output / name).mkdir()
        before = parent or made["last"]
        made[name] = step.apply(before, replace(context, output=context.output / name))
        check_opens(made[name], context.task, 1, "it")
        made[name] = check_answers(made[name], before, step, context.task, 1)
    spec = made["last"].inputs[0]
    assert (spec.shape, spec.layout) == ((1, 16, 16, 3), "nhwc")
    assert made["last"].notes["agreement_db"] > 90
    assert made["int8"].notes["agreement_db"] > 15
    images = next(iter(context.task.split("validation").batches(4))).inputs["input"]
    answers = []
    for model in (whole, made["last"]):
        artifact = describe(model, context.task.preprocess, ())
        with Worker(Subject("it", model.folder, artifact, "litert")) as worker:
            answers.append(np.concatenate([next(iter(worker.run({"input": image[None]}).values())) for image in images]))
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-4)
    assert artifact.preprocess is None or artifact.preprocess.layout == "hwc"


def test_layouts_that_cannot_be_told_apart_are_refused(context: Context) -> None:
    for shape, words in (((None, 4), "no input of this model has four dimensions"), ((None, 3, 3, 3), "are all 3")):
        with pytest.raises(NotApplicable, match=words):
            ToLitert("nhwc").apply(Model("torch", nn.Flatten().eval(), (TensorSpec("x", shape),), ("output",)), context)


def test_control_flow_is_not_applicable(context: Context) -> None:
    model = Model("torch", Branching().eval(), (TensorSpec("x", (None, 4)),), ("output",))
    with pytest.raises(NotApplicable, match="can't trace"):
        ToLitert().apply(model, context)


def test_a_microcontrollers_interpreter_answers_as_litert_does(whole: Model, context: Context) -> None:
    """The quantizer's own file is answered otherwise there: it lays larger buffers behind its table."""
    pytest.importorskip("tflite_micro")
    from thimble.runtimes.tflite_micro import TfliteMicro

    (context.output / "small").mkdir()
    assert context.task
    made = LitertQuantizeStatic(samples=64).apply(whole, replace(context, output=context.output / "small"))
    path, images = str(made.folder / "model.tflite"), next(iter(context.task.split("validation").batches(16))).inputs["input"]
    micro, usual = TfliteMicro().open(path, ["x"], ["output"], 1, {}), Litert().open(path, ["x"], ["output"], 1, {})
    wanted = np.concatenate([usual.run({"x": image[None]})["output"] for image in images])
    assert agreement_db({"output": wanted}, {"output": micro.run({"x": images})["output"]}) > 25
    assert 3 * 16 * 16 < micro.arena_bytes < 200_000
    with pytest.raises(ValueError, match="has one thread, and 2 are asked for"):
        TfliteMicro().open(path, ["x"], ["output"], 2, {})


def behind(file: bytes) -> bytes:
    """A file with its largest buffer behind the table, as the quantizer leaves those of larger networks."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(file, 0)
    large = max((one for one in model.buffers if one.data is not None), key=lambda one: len(one.data))
    data, large.data, large.size, large.offset = bytes(large.data), None, len(large.data), 2
    for _ in range(2):  # the table is as long, wherever the buffer begins
        builder = flatbuffers.Builder(0)
        builder.Finish(model.Pack(builder), b"TFL3")
        large.offset = len(builder.Output())
    return bytes(builder.Output()) + data


def test_buffers_behind_the_table_are_put_into_it_and_refused_elsewhere(whole: Model, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    from thimble.runtimes.tflite_micro import TfliteMicro
    from thimble.steps.compress._litert import contained

    file, image = (whole.folder / "model.tflite").read_bytes(), np.ones((1, 3, 16, 16), np.float32)
    answers = []
    for name, made in (("own", file), ("behind", behind(file)), ("contained", contained(behind(file)))):
        (tmp_path / f"{name}.tflite").write_bytes(made)
        session = Litert().open(str(tmp_path / f"{name}.tflite"), ["x"], ["output"], 1, {})
        answers.append(session.run({"x": image})["output"])
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])
    with pytest.raises(ValueError, match="keeps buffers behind its table"):
        TfliteMicro().open(str(tmp_path / "behind.tflite"), ["x"], ["output"], 1, {})
    micro = TfliteMicro().open(str(tmp_path / "contained.tflite"), ["x"], ["output"], 1, {})
    np.testing.assert_allclose(micro.run({"x": image})["output"], answers[0], atol=1e-4)
