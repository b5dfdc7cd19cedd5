"""What the steps for LiteRT's files share: a quantizer's recipe carried out, and ranges that hold every calibration sample.

Only heavy work imports this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import Model
from thimble.core.step import Context, needing
from thimble.core.values import first_line
from thimble.steps.compress._calibration import calibration_batches
from thimble.steps.export._exporting import quiet

FILE = "model.tflite"


def written(model: Model, context: Context, recipe: str, samples: int | None) -> Model:
    """The folder of the quantized file. ``recipe`` is one of ai-edge-quantizer's; ``samples`` are those of calibration, if it needs any.

    Raises `NotApplicable` where nothing was quantized, `StepFailed` where the quantizer fails.
    """
    with needing("litert-export"):
        from ai_edge_quantizer import quantizer
        from ai_edge_quantizer import recipe as recipes

    source, notes = model.folder / FILE, {}
    try:
        with quiet():
            made = quantizer.Quantizer(str(source))
            made.load_quantization_recipe(getattr(recipes, recipe)())
            ranges = None if samples is None else _ranges(model, context, made, samples)
            result = made.quantize(ranges).quantized_model
    except (NotApplicable, StepFailed):
        raise
    except Exception as error:  # the quantizer raises all kinds
        raise StepFailed(f"ai-edge-quantizer can't quantize this file: {first_line(error)}") from error
    if result is None or len(result) >= source.stat().st_size:
        raise NotApplicable("nothing in this file is quantized by ai-edge-quantizer")
    (context.output / FILE).write_bytes(contained(bytes(result)))
    if samples is not None:
        notes["calibration_samples"] = min(samples, len(context.task.split("calibration")) if context.task else samples)
    return model.becoming(context.output, "tflite", **notes)


def contained(file: bytes) -> bytes:
    """A LiteRT file with every buffer in its table.

    The quantizer lays larger ones behind the table and notes where they begin. LiteRT follows that; TensorFlow Lite Micro doesn't, and
    computes with zeros in their place without a word.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(file, 0)
    for buffer in model.buffers:
        if buffer.data is None and (buffer.offset or 0) > 1:
            buffer.data = np.frombuffer(file[buffer.offset : buffer.offset + buffer.size], np.uint8)
            buffer.offset = buffer.size = 0
    builder = flatbuffers.Builder(len(file))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _ranges(model: Model, context: Context, made: Any, samples: int) -> Any:
    """The least and the largest value of every tensor over all calibration samples.

    The quantizer's own method has a moving average and no setting for it; its calibrator takes another rule, which its package has.
    """
    from ai_edge_quantizer import calibrator
    from ai_edge_quantizer.utils import qsv_utils

    looking = calibrator.Calibrator(str(model.folder / FILE), num_threads=context.threads, qsv_update_func=qsv_utils.min_max_update)
    (signature, parts), *more = looking.get_signature_list().items()
    if more:
        raise NotApplicable("the file has several signatures; which one to calibrate isn't known")
    names = parts["inputs"]
    if len(names) != len(model.inputs):
        raise StepFailed(f"the file takes {len(names)} inputs, and the model has {len(model.inputs)}")
    looking.calibrate({signature: _Single(model, context, names, samples)}, made._recipe_manager)
    return looking.get_model_qsvs()


class _Single:
    """One sample after the other, by the file's names of its inputs; the calibrator goes through them more than once."""

    def __init__(self, model: Model, context: Context, names: list[str], samples: int) -> None:
        self.model, self.context, self.names, self.samples = model, context, names, samples

    def __len__(self) -> int:
        split = self.context.task.split("calibration") if self.context.task else ()
        return min(self.samples, len(split))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in calibration_batches(self.model, self.context, "data", self.samples):
            for i in range(len(next(iter(batch.values())))):
                given = zip(self.names, self.model.inputs, strict=True)
                yield {name: np.ascontiguousarray(batch[spec.name][i : i + 1]) for name, spec in given}
