"""What the steps for OpenVINO share: reading the ONNX file, writing ``model.xml``, and counting what is quantized in it."""

from __future__ import annotations

from typing import Any

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context, needing
from thimble.core.values import first_line

HEAVY = ("Convolution", "GroupConvolution", "MatMul", "ConvolutionBackpropData", "GroupConvolutionBackpropData")


def read(model: Model) -> Any:
    """The ONNX file as OpenVINO's network. Raises `MissingExtra` without OpenVINO, `NotApplicable` where it can't read the file."""
    with needing("openvino"):
        import openvino
    try:
        return openvino.Core().read_model(model.folder / "model.onnx")
    except Exception as error:  # OpenVINO's errors have no common base
        raise NotApplicable(f"OpenVINO can't read this network: {first_line(error)}") from error


def written(network: Any, model: Model, context: Context, half: bool = False, **notes: Any) -> Model:
    """Write ``model.xml`` and ``model.bin``, weights left in FP32 rounded to FP16 where ``half`` is true."""
    import openvino

    openvino.save_model(network, context.output / "model.xml", compress_to_fp16=half)
    return model.becoming(context.output, "openvino", **notes)


def counted(network: Any) -> dict[str, int]:
    """How many operators that multiply get quantized numbers, and how many get real ones."""
    heavy = [node for node in network.get_ops() if node.get_type_name() in HEAVY]
    whole = sum(node.input_value(0).get_node().get_type_name() == "FakeQuantize" for node in heavy)
    return {"quantized_operators": whole, "float_operators": len(heavy) - whole}


def stored(network: Any) -> dict[str, int]:
    """How many weights (constants of more than one number that are multiplied) are stored in which type."""
    types: dict[str, int] = {}
    for node in network.get_ops():
        if node.get_type_name() == "Constant" and len(node.get_output_shape(0)) > 1:
            name = node.get_element_type().get_type_name()
            types[name] = types.get(name, 0) + 1
    return types
