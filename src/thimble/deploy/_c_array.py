"""A model as C source for TensorFlow Lite Micro: the bytes, and the operators that its resolver has to know."""

from __future__ import annotations

import re
from collections.abc import Sequence

PER_LINE = 12
SPECIAL = {
    "PADV2": "AddPadV2",
    "BATCH_MATMUL": "AddBatchMatMul",
    "CUMSUM": "AddCumSum",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
}
"""Methods of `MicroMutableOpResolver` that don't follow from an operator's name."""
BYTE = re.compile(r"0x([0-9a-f]{2})")


def header(name: str, length: int, arena: int | None) -> str:
    """Return ``NAME_data.h``: the array's declaration, its length in bytes, and the arena's size where that is known."""
    guard = f"{name.upper()}_DATA_H_"
    told = f"#define {name.upper()}_ARENA_BYTES {arena}"
    size = f"\n// Bytes of the tensor arena, measured with TensorFlow Lite Micro on a 64-bit machine.\n{told}\n"
    return (
        f'#ifndef {guard}\n#define {guard}\n\n#ifdef __cplusplus\nextern "C" {{\n#endif\n\n'
        f"extern const unsigned char {name}_data[];\nextern const unsigned int {name}_data_len;  // {length} bytes\n"
        f"{'' if arena is None else size}\n#ifdef __cplusplus\n}}\n#endif\n\n#endif  // {guard}\n"
    )


def source(name: str, content: bytes) -> str:
    """Return ``NAME_data.cc``: the bytes, aligned to 16 as the interpreter asks for."""
    rows = (content[i : i + PER_LINE] for i in range(0, len(content), PER_LINE))
    lines = ",\n".join("    " + ", ".join(f"0x{byte:02x}" for byte in row) for row in rows)
    return (
        f'#include "{name}_data.h"\n\nalignas(16) const unsigned char {name}_data[] = {{\n{lines}\n}};\n'
        f"const unsigned int {name}_data_len = {len(content)};\n"
    )


def content(text: str) -> bytes:
    """Return the bytes that `source` wrote.

    >>> content(source("model", b"TFL3")) == b"TFL3"
    True
    """
    return bytes(int(byte, 16) for byte in BYTE.findall(text))


def method(operator: str) -> str:
    """Return what registers an operator.

    >>> method("CONV_2D"), method("FULLY_CONNECTED"), method("PADV2")
    ('AddConv2D', 'AddFullyConnected', 'AddPadV2')
    """
    parts = (part.upper() if part[:1].isdigit() else part.capitalize() for part in operator.split("_"))
    return SPECIAL.get(operator, "Add" + "".join(parts))


def operators(name: str, kinds: Sequence[str]) -> str:
    """Return ``NAME_operators.h``: a function that registers each operator of the file, and nothing else."""
    guard = f"{name.upper()}_OPERATORS_H_"
    resolver = f"tflite::MicroMutableOpResolver<{len(kinds)}>"
    calls = "".join(f"  if (resolver.{method(kind)}() != kTfLiteOk) return kTfLiteError;\n" for kind in kinds)
    return (
        f'#ifndef {guard}\n#define {guard}\n\n#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"\n\n'
        f"using {name.capitalize()}Resolver = {resolver};\n\n"
        f"inline TfLiteStatus Register{name.capitalize()}Operators({name.capitalize()}Resolver& resolver) {{\n{calls}"
        f"  return kTfLiteOk;\n}}\n\n#endif  // {guard}\n"
    )
