"""An ONNX file, with its external data: checked, copied, and described."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import BadInput, CannotWrite
from thimble.core.model import Model, noise_inputs
from thimble.core.paths import user_path
from thimble.core.preprocess import Preprocess
from thimble.core.task import ModelSpec
from thimble.core.values import TensorSpec, sha256_of
from thimble.fetch.user_file import foreign
from thimble.formats.onnx import endings
from thimble.models._inputs import check_head
from thimble.models._onnx_check import operator_kinds, quantized_operators, read_onnx, trains, traits_of_kinds
from thimble.models._onnx_inputs import declared_inputs, settled_inputs, sized_inputs


class Onnx:
    """``model.onnx``: format ``onnx``. Nothing in the file is believed before it is checked.

    Sizes that the file leaves open stay open unless shapes are given. A file that is quantized already, or was
    exported in training mode, is used as it is, with a note.
    """

    title: ClassVar[str] = "an ONNX file, external data included"
    form: ClassVar[str] = "MODEL.onnx"
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None

    def open(self, spec: ModelSpec, folder: Path) -> Model:
        """Copy the model as ``model.onnx`` and its data files under their own names into ``folder``."""
        path = _path(spec)
        proto, data = read_onnx(path)
        inputs, remark = settled_inputs(proto, path, spec)
        inputs, shapes = _trial(path, inputs)
        check_head(shapes, spec)
        _copy(path, data, folder)
        notes: dict[str, Any] = {"output_shapes": shapes, "endings": endings(path), **({"batch": remark} if remark else {})}
        if quantized := quantized_operators(proto):
            notes["quantized"] = quantized
        if trains(proto):
            notes["training_mode"] = "was exported in training mode: its batch normalisation uses each batch's own statistics"
        return Model("onnx", folder, inputs, tuple(shapes), notes)

    def declared(self, spec: ModelSpec) -> tuple[TensorSpec, ...]:
        """The inputs as the file has them."""
        path = _path(spec)
        proto, _ = read_onnx(path)
        values = spec.values or {}
        return tuple(replace(one, value=values.get(one.name)) for one in declared_inputs(proto, path))

    def outputs(self, spec: ModelSpec) -> dict[str, tuple[int | None, ...]]:
        """The outputs' shapes as the file has them; an output without one is left out."""
        proto, _ = read_onnx(_path(spec))
        kinds = {one.name: one.type.tensor_type for one in proto.graph.output if one.type.tensor_type.HasField("shape")}
        return {name: tuple(size.dim_value or None for size in kind.shape.dim) for name, kind in kinds.items()}

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` where it reads other files than those of its folder, or is damaged."""
        read_onnx(path)

    def traits(self, spec: ModelSpec) -> frozenset[str]:
        """Recurrent layers and attention, by the types of operators."""
        proto, _ = read_onnx(_path(spec))
        return traits_of_kinds(operator_kinds(proto))

    def preprocess(self, spec: ModelSpec) -> Preprocess | None:
        """Unknown: the file doesn't say."""
        return None

    def prepare(self, spec: ModelSpec) -> None:
        """Do nothing: the model is a file."""

    def identity(self, spec: ModelSpec) -> tuple[object, ...]:
        """The contents of the file and of its data files."""
        path = _path(spec)
        _, data = read_onnx(path)
        return (sha256_of(path), [(file.relative_to(path.parent).as_posix(), sha256_of(file)) for file in data])


def _path(spec: ModelSpec) -> Path:
    if spec.weights:
        raise BadInput(f"{spec.spec} brings its own weights; leave out --weights")
    return user_path(spec.spec)


def _trial(path: Path, inputs: tuple[TensorSpec, ...]) -> tuple[tuple[TensorSpec, ...], dict[str, list[int | None]]]:
    """The inputs with sizes that work, and the outputs' shapes with the batch left open, from runs on noise in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [one.name for one in session.get_outputs()]
        sized, answer = sized_inputs(inputs, lambda specs: session.run(names, noise_inputs(specs, 1)))
    except Exception as error:  # ONNX Runtime's errors have no common base; nothing but its own calls is made here
        free = [one.name for one in inputs if None in one.shape[1:]]
        hint = f"; sizes of {', '.join(free)} are open, give --input-shape" if free else ""
        raise BadInput(f"ONNX Runtime can't run {path}: {foreign(error)}{hint}") from error
    results = dict(zip(names, answer, strict=True))
    _check_results(results, path)
    return sized, {name: [None, *value.shape[1:]] for name, value in results.items()}


def _check_results(results: dict[str, Any], path: Path) -> None:
    import numpy as np

    first = next(iter(results))
    if np.ndim(results[first]) == 0 and isinstance(results[first], np.ndarray | np.generic):
        raise BadInput(f"{path} answers one sample with {first}, a single number without a batch; name the dimension where it squeezes")
    for name, value in results.items():
        if not isinstance(value, np.ndarray):
            raise BadInput(f"{path} answers with {name}, which is not a tensor but a {type(value).__name__}")
        if value.dtype.kind == "O":
            raise BadInput(f"{path} answers with {name}, which is text; export the network without what turns numbers into text")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise BadInput(f"{path} gives NaN or infinity in {name}; for random inputs: its weights are damaged or it diverges")


def _copy(path: Path, data: list[Path], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in data:
            relative = file.relative_to(path.parent)
            if relative.as_posix() in ("model.onnx", "artifact.json"):
                raise BadInput(f"{path}: its data file is called {relative}, a name that is taken; rename the model to model.onnx")
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / relative)
        shutil.copyfile(path, folder / "model.onnx")
    except OSError as error:
        raise CannotWrite(f"can't copy {path} to {folder}: {error.strerror or error}") from error
