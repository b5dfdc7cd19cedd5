"""What strangers may give: numbers, texts, changed JSON, archives, damaged files, command lines."""

from __future__ import annotations

import io
import json
import math
import zipfile
from typing import Any

import numpy as np
from hypothesis import strategies as st

NUMBERS = st.sampled_from([-1, 0, 1, 2**31, 2**63, 2**200, 10**9, 1e23, 1e308, -1e308, 5e-324, 0.5, -0.0])
ODD = ["", " ", "x" * 5000, "\x1b[31m", "\u202e", "\r\n", "=1+1", "<script>", "../../x", "\0", "nan", "%s", "{0}", "~nouser/x", "ß" * 300]
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(ODD))
VALUES = st.one_of(NUMBERS, TEXTS, st.none(), st.booleans(), st.just([]), st.just({}), st.lists(NUMBERS, max_size=3))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a JSON value with each of its keys, of lists the first four."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else list(range(min(len(one), 4))) if isinstance(one, list) else []
        found += [(one, key) for key in keys]
        waiting += [one[key] for key in keys if isinstance(one[key], dict | list)]
    return found


@st.composite
def changed(draw: st.DrawFn, text: str) -> str:
    """JSON with one to three of its values replaced, removed or doubled; sometimes cut off, or inside many brackets."""
    value = json.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        there = places(value)
        if not there:
            break
        holder, key = there[draw(st.integers(0, len(there) - 1))]
        how = draw(st.sampled_from(["replace", "replace", "replace", "remove", "double"]))
        if how == "replace":
            holder[key] = draw(VALUES)
        elif how == "remove":
            del holder[key]
        elif isinstance(holder, list):
            holder.append(holder[key])
    said = json.dumps(value)
    whole = draw(st.sampled_from(["whole"] * 8 + ["cut", "deep"]))
    return said[: draw(st.integers(0, len(said)))] if whole == "cut" else "[" * 50_000 + said if whole == "deep" else said


def toml(value: Any) -> str:
    """A value as TOML, or as what somebody takes for TOML."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return "inf" if isinstance(value, float) and math.isinf(value) else json.dumps(value)


SETTINGS = ["model", "data", "budget", "seed", "threads", "max_drop", "max_size", "minimize", "size", "mean", "shapes", "out", "weights"]
CONFIGURATIONS = st.builds(
    lambda entries, tail: "\n".join(['model="nothing.onnx"', 'data="digits"', *(f"{key} = {toml(value)}" for key, value in entries), tail]),
    st.lists(st.tuples(st.one_of(st.sampled_from(SETTINGS), TEXTS), VALUES), max_size=5),
    st.one_of(st.just(""), TEXTS, st.just("a=" + "[" * 50_000)),
)

STEPS = st.sampled_from(["prune_channels", "finetune", "to_onnx", "onnx_quantize_static", "distill", "nope", "__import__", "os.system"])
ARGUMENTS = st.lists(st.tuples(st.sampled_from(["", "epochs=", "ratio=", "x="]), VALUES), max_size=3)
RECIPES = st.one_of(
    st.builds(
        lambda glue, parts: glue.join(f"{name}({', '.join(f'{key}{value!r}' for key, value in given)})" for name, given in parts),
        st.sampled_from([" + ", "+", " ", "++", "\n", " - "]),
        st.lists(st.tuples(STEPS, ARGUMENTS), max_size=4),
    ),
    TEXTS,
    st.sampled_from(["(" * 50_000, "prune_channels(" + "-" * 50_000 + "1)", "finetune(" + "[" * 50_000, "finetune(9" + "9" * 5_000 + ")"]),
)

NAMES = st.one_of(
    TEXTS,
    st.sampled_from(["torchvision:", ":", "@", "x.onnx@openvino", "file.py:", "x.py:y:z", "/", ".", "..", "/dev/null", "/dev/zero"]),
    st.tuples(st.sampled_from(["torchvision:", "npz:", "imagefolder:", "x.py:", "/proc/self/"]), TEXTS).map("".join),
)

KINDS = st.sampled_from(["npz:", "npy:", "csv:", "imagefolder:", "audiofolder:", "hf:", "cifar10:", "file.py:", "nothing:"])
DATA = st.tuples(KINDS, st.one_of(TEXTS, st.sampled_from(["%", "/dev/zero", "/dev/null", ",", "%,%", "/proc/self/mem"]))).map("".join)


def array_bytes(shape: tuple[int, ...], dtype: str, header: bytes) -> bytes:
    """An array as ``numpy.save`` writes it, the bracket of its shape in the header replaced."""
    stream = io.BytesIO()
    np.save(stream, np.zeros(shape, dtype))
    return stream.getvalue().replace(b"(", header, 1)


ARRAYS = st.builds(
    array_bytes,
    st.sampled_from([(0,), (), (30,), (30, 4), (30, 3, 8, 8), (1, 10**6)]),
    st.sampled_from(["f4", "f8", "i8", "u1", "?", "c8", "U3", "M8[s]", "f2"]),
    st.sampled_from([b"(", b"(", b"(", b"(9", b"(-", b"(("]),
)
BYTES = st.one_of(ARRAYS, st.binary(max_size=200), st.just(b""))


def archive(members: dict[str, bytes], cut: bool) -> bytes:
    """An ``.npz`` archive, its second half missing where it is ``cut``."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in members.items():
            made.writestr(f"{name}.npy", content)
    content = stream.getvalue()
    return content[: len(content) // 2] if cut else content


MEMBERS = st.sampled_from(["x", "y", "x_train", "y_train", "x_test", "labels", "metric", "x_a", "../x"])
ARCHIVES = st.builds(archive, st.dictionaries(MEMBERS, BYTES, max_size=4), st.sampled_from([False, False, False, True]))

PATHS = st.sampled_from(["a/1.png", "a/2.jpg", "b/1.png", "b/2.bmp", "b/3.tif", "c/x.txt", "a/1.wav", "b/1.wav", "x.npy", "y.npy", "t.csv"])
BEGIN = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"a,b,label\n1,2,x\n", b"\xef\xbb\xbfa,b\n", b"BM"]
FOLDERS = st.builds(
    lambda begin, files: {name: begin + content for name, content in files.items()},
    st.sampled_from(BEGIN),
    st.dictionaries(PATHS, BYTES, max_size=6),
)

CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=6)
KEPT = st.sampled_from([1.0, 1.0, 1.0, 0.99, 0.5, 0.01, 0.0])


def damaged(whole: bytes, changes: list[tuple[float, bytes]], kept: float) -> bytes:
    """A file with bytes replaced at shares of its length, and its end cut off."""
    content = bytearray(whole)
    for place, new in changes:
        at = int(place * len(content))
        content[at : at + len(new)] = new
    return bytes(content[: int(kept * len(content))])


WEIGHTS = st.one_of(
    st.binary(max_size=300),
    st.binary(max_size=100).map(lambda tail: b"\x80\x02" + tail),
    st.just(b"PK\x05\x06" + bytes(18)),
)

COMMANDS = {
    "fit": "budget seed threads max-drop max-size max-latency minimize size mean std input-shape set out config weights student",
    "lab": "seed only opset image-size max-drop out threads",
    "measure": "seed batch seconds precision threads input-shape set size out runtime sustained",
    "compare": "seed batch precision threads",
    "apply": "out size seed runtime input-shape weights",
    "doctor": "against threads input-shape",
    "bundle": "out",
    "store": "days max prune",
    **dict.fromkeys(("report", "list", "verify"), "nope"),
}
FIRST = {
    "fit": ["nothing.onnx", "--data", "npz:nothing.npz"],
    "lab": ["--data", "npz:nothing.npz"],
    "measure": ["nothing.onnx"],
    "apply": ["to_onnx()", "nothing.onnx"],
    "compare": ["nothing.onnx", "no.onnx"],
    "doctor": ["nothing.onnx"],
    "report": ["nothing"],
}
SAID = st.one_of(
    TEXTS,
    NUMBERS.map(str),
    st.sampled_from(["99999999999h", "1e-300%", "nan", "x=1,8", "x=0", "x=1,100000,100000,3", "-5", "1,2", "0x10", "5GB", "\udcff"]),
)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """The words of a command whose model and data don't exist, so that nothing long begins."""
    name = draw(st.sampled_from(sorted(COMMANDS)))
    options = st.lists(st.tuples(st.sampled_from(COMMANDS[name].split()), SAID), max_size=4)
    given = [word for option, value in draw(options) for word in (f"--{option}", value)]
    return [name, *FIRST.get(name, []), *given, *draw(st.lists(SAID, max_size=2))]
