"""Put normalisation and layout into an ONNX graph, so that it takes pixels as an image file holds them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.artifact import Artifact
from thimble.core.errors import BadInput, RuntimeFailed
from thimble.core.preprocess import ImageInput, Preprocess
from thimble.core.subject import Subject
from thimble.core.values import File, TensorSpec
from thimble.deploy.contents import Contents
from thimble.deploy.golden import FLOORS, answered
from thimble.deploy.manifest import Baked
from thimble.deploy.payload import proving
from thimble.devices import start

if TYPE_CHECKING:
    from numpy.typing import NDArray


INPUT = "pixels"
"""The name of the new input, where no other tensor has it."""
OPTION = "--bake-preprocessing"


@dataclass(frozen=True)
class Raw:
    """What the baked graph takes: RGB or grey pixels of 8 bits, as (height, width, channels)."""

    spec: TensorSpec
    preprocess: Preprocess


def baked(contents: Contents, folder: Path) -> Contents:
    """Return the contents with preprocessing in the graph; the changed artifacts lie in ``folder``.

    The arithmetic is that of `thimble.core.preprocess`, operator by operator. Every pixel value of every channel is compared with it,
    and the outputs of the golden samples with those of the artifact that was scored. Raises `BadInput` for what has no normalisation
    to bake, and `RuntimeFailed` where outputs differ.
    """
    subject = contents.subject
    read, name = _checked(contents), next(iter(contents.inputs))
    pixels = _pixels(contents.inputs[name], read)
    made = _with_prefix(subject, folder / "model")
    raw = {made.artifact.inputs[0].name: pixels}
    before, after = answered(subject, contents.inputs).outputs, answered(made, raw).outputs
    off = max(proving.difference(after[name], array) for name, array in before.items())
    largest = max(float(abs(array.astype("float64")).max()) for array in before.values())
    if not off <= FLOORS[contents.precision] * largest:
        raise RuntimeFailed(f"{OPTION}: outputs differ by {off:.3g} from those of the artifact that was scored, so nothing was bundled")
    reference = contents.reference and _with_prefix(contents.reference, folder / "reference")
    inside = _normalisation_difference(made, subject.artifact.inputs[0], read, folder / "prefix")
    facts = Baked(made.artifact.inputs[0].name, read, inside, off)
    return replace(contents, subject=made, inputs=raw, scored_inputs=contents.inputs, reference=reference, baked=facts)


def _checked(contents: Contents) -> Preprocess:
    artifact = contents.subject.artifact
    if artifact.format != "onnx":
        raise BadInput(f"{OPTION} changes ONNX files, and {contents.name} is {artifact.format}: name a candidate in ONNX, or leave it out")
    seen = ImageInput.of(artifact.inputs)
    if artifact.preprocess is None or seen is None or len(artifact.inputs) != 1:
        raise BadInput(f"{OPTION} needs a model whose only input is an image; {contents.name} has none to preprocess: leave it out")
    if artifact.preprocess.dtype == "uint8" and artifact.preprocess.layout == "hwc" and artifact.preprocess.channels != "bgr":
        raise BadInput(f"{contents.name} takes pixels of 8 bits in NHWC already: leave {OPTION} out")
    return artifact.preprocess


def _pixels(samples: NDArray[Any], read: Preprocess) -> NDArray[Any]:
    """The pixels that preprocessing made these samples of, as (samples, height, width, channels) in RGB or grey."""
    import numpy as np

    values = np.moveaxis(samples, -3, -1) if read.layout == "chw" else samples
    if read.dtype != "uint8":
        values = (values.astype(np.float64) * np.asarray(read.std) + np.asarray(read.mean)) * 255 / read.scale
    pixels = np.clip(np.round(values), 0, 255).astype(np.uint8)
    if not np.array_equal(read.normalized(pixels).astype(samples.dtype), samples):
        raise BadInput(f"{OPTION}: the golden samples are not pixels that the model's preprocessing normalised: leave it out")
    return np.ascontiguousarray(pixels[..., ::-1] if read.channels == "bgr" else pixels)


def raw_input(spec: TensorSpec, read: Preprocess, name: str = INPUT) -> Raw:
    """Return what the graph takes when preprocessing is in it: sizes in the order of NHWC, and only resizing and cropping left outside."""
    places = (0, 2, 3, 1) if read.layout == "chw" else (0, 1, 2, 3)
    sizes = tuple(spec.sizes[i] for i in places) if spec.sizes else None
    shape = replace(spec, name=name, shape=tuple(spec.shape[i] for i in places), dtype="uint8", sizes=sizes)
    count = 1 if read.channels == "grey" else 3
    channels = "grey" if read.channels == "grey" else "rgb"
    left = replace(read, dtype="uint8", layout="hwc", channels=channels, scale=255.0, mean=(0.0,) * count, std=(1.0,) * count)
    return Raw(shape, left)


def _with_prefix(subject: Subject, folder: Path) -> Subject:
    """The artifact with the operators of its preprocessing before its first ones, in a folder of its own."""
    import onnx

    artifact = subject.artifact
    read = artifact.preprocess
    assert read is not None
    for file in artifact.files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(subject.folder / file.path, folder / file.path)
    model = onnx.load(str(folder / artifact.main), load_external_data=False)
    graph, old = model.graph, artifact.inputs[0]
    raw = raw_input(old, read, _free_name(graph))
    nodes, weights = _prefix(raw.spec.name, old, read)
    place = next(i for i, one in enumerate(graph.input) if one.name == old.name)
    dims = list(graph.input[place].type.tensor_type.shape.dim)
    order = (0, 2, 3, 1) if read.layout == "chw" else (0, 1, 2, 3)
    value = onnx.helper.make_tensor_value_info(raw.spec.name, onnx.TensorProto.UINT8, [_dimension(dims[i]) for i in order])
    kept = [value if i == place else one for i, one in enumerate(graph.input)]
    del graph.input[:]
    graph.input.extend(kept)
    first = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *first])
    graph.initializer.extend(weights)
    onnx.save(model, str(folder / artifact.main))
    files = tuple(File.of(folder / file.path, folder) for file in artifact.files)
    return replace(subject, folder=folder, artifact=replace(artifact, files=files, inputs=(raw.spec,), preprocess=raw.preprocess))


def _free_name(graph: Any) -> str:
    taken = {one.name for one in (*graph.input, *graph.output, *graph.initializer)} | {name for node in graph.node for name in node.output}
    name = INPUT
    while name in taken:
        name += "_"
    return name


def _dimension(dim: Any) -> int | str | None:
    return dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None


def _prefix(pixels: str, old: TensorSpec, read: Preprocess) -> tuple[list[Any], list[Any]]:
    """Operators and constants from the tensor ``pixels`` to the old input, in the order in which `Preprocess.normalized` computes."""
    import numpy as np
    from onnx import helper, numpy_helper

    nodes: list[Any] = []
    weights: list[Any] = []
    steps: list[tuple[str, NDArray[Any] | None, dict[str, Any]]] = []
    if read.channels == "bgr":
        steps.append(("Gather", np.asarray([2, 1, 0], np.int64), {"axis": 3}))
    if read.dtype != "uint8":
        steps.append(("Cast", None, {"to": helper.np_dtype_to_tensor_dtype(np.dtype(np.float32))}))
        steps += [("Mul", np.asarray(read.scale, np.float32), {})] if read.scale != 1 else []
        steps.append(("Div", np.asarray(255, np.float32), {}))
        steps += [("Sub", np.asarray(read.mean, np.float32), {}), ("Div", np.asarray(read.std, np.float32), {})]
    if read.layout == "chw":
        steps.append(("Transpose", None, {"perm": [0, 3, 1, 2]}))
    if old.dtype not in ("float32", read.dtype):
        steps.append(("Cast", None, {"to": helper.np_dtype_to_tensor_dtype(np.dtype(old.dtype))}))
    tensor = pixels
    for i, (kind, weight, settings) in enumerate(steps):
        result = old.name if i == len(steps) - 1 else f"{pixels}/{i}"
        inputs = [tensor]
        if weight is not None:
            weights.append(numpy_helper.from_array(weight, f"{pixels}/{i}/{kind.lower()}"))
            inputs.append(weights[-1].name)
        nodes.append(helper.make_node(kind, inputs, [result], name=f"{pixels}/{kind}_{i}", **settings))
        tensor = result
    return nodes, weights


def _normalisation_difference(made: Subject, old: TensorSpec, read: Preprocess, folder: Path) -> float:
    """The largest difference between the graph's normalisation and `Preprocess.normalized`, over all 256 values of every channel."""
    import numpy as np
    import onnx
    from onnx import helper

    new, channels = made.artifact.inputs[0], 1 if read.channels == "grey" else 3
    nodes, weights = _prefix(new.name, old, read)
    given = helper.make_tensor_value_info(new.name, onnx.TensorProto.UINT8, [1, 16, 16, channels])
    shape = [1, channels, 16, 16] if read.layout == "chw" else [1, 16, 16, channels]
    result = helper.make_tensor_value_info(old.name, helper.np_dtype_to_tensor_dtype(np.dtype(old.dtype)), shape)
    model = onnx.load(str(made.folder / made.artifact.main), load_external_data=False)
    graph = helper.make_graph(nodes, "prefix", [given], [result], weights)
    folder.mkdir()
    onnx.save(helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version), str(folder / "model.onnx"))
    spec = TensorSpec(new.name, (1, 16, 16, channels), "uint8")
    alone = Artifact("onnx", "model.onnx", (File.of(folder / "model.onnx", folder),), (spec,), (old.name,))
    pixels = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1), channels, axis=3)
    with start(replace(made, folder=folder, artifact=alone)) as worker:
        inside = worker.run({new.name: pixels})[old.name]
    return proving.difference(inside, read.normalized(pixels[..., ::-1] if read.channels == "bgr" else pixels).astype(old.dtype))
