"""One network in every format: ``total = left @ W + right`` and ``product = left * right``, any batch."""

from pathlib import Path

import numpy as np

W = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)


def expected(left, right):
    return {"total": left @ W + right, "product": left * right}


def onnx(folder: Path) -> str:
    from onnx import TensorProto, helper, numpy_helper, save

    def value(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4])

    nodes = [
        helper.make_node("MatMul", ["left", "w"], ["m"]),
        helper.make_node("Add", ["m", "right"], ["total"]),
        helper.make_node("Mul", ["left", "right"], ["product"]),
    ]
    graph = helper.make_graph(
        nodes, "sample", [value("left"), value("right")], [value("total"), value("product")], [numpy_helper.from_array(W, "w")]
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(folder / "model.onnx"))
    return "model.onnx"


def ort(folder: Path) -> str:
    import onnxruntime

    onnx(folder)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    (folder / "model.onnx").unlink()
    return "model.ort"


def openvino(folder: Path) -> str:
    import openvino as ov

    onnx(folder)
    ov.save_model(ov.convert_model(folder / "model.onnx"), folder / "model.xml", compress_to_fp16=False)
    (folder / "model.onnx").unlink()
    return "model.xml"


def _network():
    import torch

    class Sample(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.from_numpy(W.copy()))

        def forward(self, left, right):
            return left @ self.w + right, left * right

    return Sample().eval()


def pt2(folder: Path) -> str:
    import torch

    n = torch.export.Dim("n")
    program = torch.export.export(_network(), (torch.zeros(2, 4), torch.zeros(2, 4)), dynamic_shapes=({0: n}, {0: n}))
    torch.export.save(program, folder / "model.pt2")
    return "model.pt2"


def torchscript(folder: Path) -> str:
    import torch

    torch.jit.trace(_network(), (torch.zeros(2, 4), torch.zeros(2, 4))).save(str(folder / "model.pt"))
    return "model.pt"


def coreml(folder: Path) -> str:
    import coremltools as ct
    import torch

    traced = torch.jit.trace(_network(), (torch.zeros(1, 4), torch.zeros(1, 4)))
    made = ct.convert(
        traced,
        inputs=[ct.TensorType(name=name, shape=(1, 4)) for name in ("left", "right")],
        outputs=[ct.TensorType(name=name) for name in ("total", "product")],
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT32,
        minimum_deployment_target=ct.target.iOS16,
        skip_model_load=True,
    )
    made.save(str(folder / "model.mlpackage"))
    return "model.mlpackage/Data/com.apple.CoreML/model.mlmodel"


def aotinductor(folder: Path) -> str:
    import shutil

    import torch

    from thimble.models.aotinductor import Aotinductor

    if shutil.which("g++") is None:
        raise ImportError("no compiler", name="g++")
    n = torch.export.Dim("n", min=1)
    program = torch.export.export(_network(), (torch.zeros(2, 4), torch.zeros(2, 4)), dynamic_shapes=({0: n}, {0: n}))
    settings = {"cpp.dynamic_threads": True, "aot_inductor.metadata": {"precision": "float32"}}
    torch._inductor.aoti_compile_and_package(program, package_path=str(folder / "model.pt2"), inductor_configs=settings)
    Aotinductor.vouch(folder / "model.pt2")
    return "model.pt2"


def executorch(folder: Path) -> str:
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = torch.export.export(_network(), (torch.zeros(1, 4), torch.zeros(1, 4)))
    (folder / "model.pte").write_bytes(to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch().buffer)
    return "model.pte"


def ncnn(folder: Path) -> str:
    lines = [
        "7767517",
        "7 9",
        "Input left 0 1 left 0=4",
        "Input right 0 1 right 0=4",
        "Split s 1 2 left left1 left2",
        "Split t 1 2 right right1 right2",
        "InnerProduct m 1 1 left1 m 0=4 1=0 2=16",
        "BinaryOp total 2 1 m right1 total 0=0",
        "BinaryOp product 2 1 left2 right2 product 0=2",
    ]
    (folder / "model.param").write_text("\n".join(lines) + "\n")
    (folder / "model.bin").write_bytes(np.uint32(0).tobytes() + W.T.astype(np.float32).tobytes())
    return "model.param"


def tflite(folder: Path) -> str:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT()
    model.version, model.description = 3, "sample"
    model.buffers = [schema.BufferT(), schema.BufferT()]
    model.buffers[1].data = np.frombuffer(W.T.astype(np.float32).tobytes(), np.uint8)
    model.operatorCodes = []
    for builtin in (schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOperator.ADD, schema.BuiltinOperator.MUL):
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = 1
        model.operatorCodes.append(code)
    graph = schema.SubGraphT()
    graph.tensors = [
        _tensor(schema, name, shape, buffer)
        for name, shape, buffer in [("a", 1, 0), ("b", 1, 0), ("w", 4, 1), ("m", 1, 0), ("t", 1, 0), ("p", 1, 0)]
    ]
    options = schema.BuiltinOptions
    graph.operators = [
        _operator(schema, 0, [0, 2, -1], [3], options.FullyConnectedOptions, schema.FullyConnectedOptionsT()),
        _operator(schema, 1, [3, 1], [4], options.AddOptions, schema.AddOptionsT()),
        _operator(schema, 2, [0, 1], [5], options.MulOptions, schema.MulOptionsT()),
    ]
    graph.inputs, graph.outputs = [1, 0], [4, 5]  # not in the signature's order
    model.subgraphs = [graph]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs = [_named(schema, "left", 0), _named(schema, "right", 1)]
    signature.outputs = [_named(schema, "total", 4), _named(schema, "product", 5)]
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    (folder / "model.tflite").write_bytes(bytes(builder.Output()))
    return "model.tflite"


def _tensor(schema, name, rows, buffer):
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer, tensor.type = name, [rows, 4], buffer, schema.TensorType.FLOAT32
    if not buffer:
        tensor.shapeSignature = [-1, 4]
    return tensor


def _operator(schema, code, inputs, outputs, kind, options):
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, outputs
    operator.builtinOptionsType, operator.builtinOptions = kind, options
    return operator


def _named(schema, name, index):
    pair = schema.TensorMapT()
    pair.name, pair.tensorIndex = name, index
    return pair
