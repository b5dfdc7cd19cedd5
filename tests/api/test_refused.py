"""Options, shapes and paths that can't be: refused in one line with the value, before anything is allocated or built."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import thimble
from thimble.api.config import read_config
from thimble.api.options import check
from thimble.core.errors import BadInput, ThimbleError
from thimble.core.paths import user_path
from thimble.core.values import TensorSpec

NET = """
import torch


class Two(torch.nn.Module):
    def forward(self, a, b):
        return a + b


def net():
    return torch.nn.Sequential(torch.nn.Linear(4, 3)).eval()


def two():
    return Two().eval()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, an ONNX file and data."""
    place = tmp_path_factory.mktemp("refused")
    (place / "net.py").write_text(NET, encoding="utf-8")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), place / "x.onnx")
    words = helper.make_tensor_value_info("x", TensorProto.STRING, ["N", 4])
    shown = helper.make_tensor_value_info("y", TensorProto.STRING, ["N", 4])
    texts = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [words], [shown])
    onnx.save(helper.make_model(texts, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), place / "texts.onnx")
    random = np.random.default_rng(0)
    x, y = random.standard_normal((200, 4)).astype("float32"), random.integers(0, 3, 200)
    np.savez(place / "ok.npz", x=x, y=y)
    far = y.copy()
    far[7] = 10**9
    np.savez(place / "far.npz", x=x, y=far)
    return place


REFUSED = {
    "seed": (["measure", "x.onnx", "--seed", str(10**20)], "--seed must be a whole number from 0 to 4294967295, not 1000"),
    "lab's seed": (["lab", "--seed", str(10**20)], "--seed must be a whole number from 0 to 4294967295, not 1000"),
    "fit's seed": (
        ["fit", "net.py:net", "--data", "npz:ok.npz", "--seed", str(10**20)],
        "--seed must be a whole number from 0 to 4294967295, not 1000",
    ),
    "apply's seed": (
        ["apply", "to_onnx()", "net.py:net", "--out", "o", "--seed", str(10**20)],
        "--seed must be a whole number from 0 to 4294967295, not 1000",
    ),
    "batch": (["measure", "x.onnx", "--batch", "999999999"], "--batch must be a whole number from 1 to 65536, not 999999999"),
    "precision": (
        ["measure", "x.onnx", "--precision", "1e-300%"],
        "--precision must be a share such as 2%, from 0.01%",
    ),
    "seconds": (
        ["measure", "x.onnx", "--seconds", "99999999999h"],
        "above 0 and up to a year, not 99999999999h",
    ),
    "budget": (
        ["fit", "net.py:net", "--data", "npz:ok.npz", "--budget", "99999999999h"],
        "above 0 and up to a year, not 99999999999h",
    ),
    "threads": (["measure", "x.onnx", "--threads", "99999999999"], "--threads must be a whole number from 1 to 1024"),
    "doctor's threads": (
        ["doctor", "x.onnx", "--threads", "99999999999"],
        "--threads must be a whole number from 1 to 1024",
    ),
    "limit": (
        ["fit", "net.py:net", "--data", "npz:ok.npz", "--max-size", "1e308"],
        "--max-size must be a number from 0.0001 to",
    ),
    "days": (["store", "--prune", "--days", "nan"], "--days is nan"),
    "home": (["measure", "~nouser/x.onnx"], "'~nouser/x.onnx' names the home folder of a user that is not known here"),
    "home of a model": (["fit", "~nouser/x.onnx", "--data", "npz:ok.npz"], "'~nouser/x.onnx' names the home folder"),
    "home of data": (["measure", "x.onnx", "--data", "npz:~nouser/x.npz"], "'~nouser/x.npz' names the home folder"),
    "no text": (["measure", b"\xff.onnx"], r"'\udcff.onnx' is not UTF-8 text"),
    "long name": (["measure", "x" * 300 + ".onnx"], "a name in it is too long"),
    "another name": (["measure", "x.onnx", "--input-shape", "nope=1,4"], "x.onnx takes x; --input-shape names nope"),
    "another name in a fit": (
        ["fit", "x.onnx", "--data", "npz:ok.npz", "--input-shape", "nope=1,4", "--budget", "60s"],
        "x.onnx takes x; --input-shape names nope",
    ),
    "another name of several": (
        ["measure", "net.py:two", "--input-shape", "a=1,4", "--input-shape", "nope=1,4"],
        "net.py:two takes a, b; --input-shape names nope",
    ),
    "large": (["measure", "net.py:net", "--input-shape", f"input=1,{10**9}"], "of shape 1 x 1000000000 has 1,000,000,000 numbers"),
    "square": (["measure", "net.py:net", "--input-shape", "input=1,100000,100000"], "has 10,000,000,000 numbers; 134,217,728 is the most"),
    "endless": (["measure", "net.py:net", "--input-shape", "input=1," + "9" * 4000], "has more than 10^15 numbers"),
    "label": (["measure", "x.onnx", "--data", "npz:far.npz"], "y holds the class 1000000000, and there are only 200 samples"),
    "lab of a file": (["lab", "--model", "x.onnx", "--data", "npz:ok.npz"], "--model x.onnx is an ONNX file"),
    "texts": (["measure", "texts.onnx"], "texts.onnx takes x, which is text"),
    "texts in a fit": (["fit", "texts.onnx", "--data", "npz:ok.npz"], "texts.onnx takes x, which is text"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_one_line_says_the_value(kind: str, folder: Path) -> None:
    words, said = REFUSED[kind]
    done = subprocess.run(
        [sys.executable, "-m", "thimble", *words],
        cwd=folder,
        env={**os.environ, "THIMBLE_STORE": str(folder / "store")},
        capture_output=True,
        timeout=60,
        preexec_fn=_with_little_memory,
    )
    error = done.stderr.decode()
    assert said in error
    assert "Traceback" not in error
    assert done.returncode == 2, error
    assert len([line for line in error.splitlines() if line.startswith(("thimble: ", "Error: "))]) == 1


def _with_little_memory() -> None:
    """Private memory that is asked for beyond 4 GB is refused, so that a test can't harm the machine."""
    resource.setrlimit(resource.RLIMIT_DATA, (4_000_000_000, 4_000_000_000))


def test_nothing_was_left_behind(folder: Path) -> None:
    given = {"net.py", "x.onnx", "texts.onnx", "ok.npz", "far.npz"}
    assert {path.name for path in folder.iterdir()} - given <= {"runs", "store", "__pycache__"}


TOML = 'model = "torchvision:resnet18"\ndata = "digits"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 100_000, "can't be read: maximum recursion depth exceeded"),
        ("a = " + "{b = " * 100_000, "can't be read"),
        (TOML + "seed = 1" + "0" * 5000, "can't be read"),
        (TOML + "max_drop = 1e308", "max_drop must be a number from 0 to 1000000000, not 1e+308"),
        (TOML + "max_drop = 1" + "0" * 4000, "max_drop must be a number"),
        (TOML + "max_size = 1e23", "max_size must be a number from 0.0001 to 1000000000, not 1e+23"),
        (TOML + "max_latency = nan", "max_latency must be a number from 0.001 to 1000000000, not nan"),
        (TOML + "budget = 1e300", "budget must be a length of time such as 2m, above 0 and up to a year, not 1e+300"),
        (TOML + 'budget = "99999999999h"', 'not "99999999999h"'),
        (TOML + "threads = 1e23", "threads must be a whole number from 1 to 1024, not 1e+23"),
        (TOML + f"threads = {10**23}", "threads must be a whole number from 1 to 1024, not 1000"),
        (TOML + 'minimize = "beauty"', "minimize must be latency, size or memory"),
        (TOML + "mean = [1e308, 0, 0]", "mean is 1e+308, 0, 0"),
        (TOML + "std = [1e-300, 1, 1]", "std is 1e-300, 1, 1"),
        (TOML + "shapes = {x = [1, 1000000000]}", "has 1,000,000,000 numbers"),
        (TOML + "shapes = {x = [1, " + "9" * 4000 + ", " + "9" * 4000 + "]}", "more than 10^15 numbers"),
    ],
)
def test_a_config_that_cannot_be_is_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=re.escape(said)) as error:
        check(read_config(file))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 + len(str(file))


@pytest.mark.parametrize("text", ["~nouser/x", "a\0b", "a" * 300, "x/\udcff"])
def test_a_path_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as error:
        user_path(text)
    str(error.value).encode()


def test_paths_of_users_come_through_one_door() -> None:
    package = Path(thimble.__file__).parent
    strays = [path.name for path in package.rglob("*.py") if ".expanduser(" in path.read_text(encoding="utf-8")]
    assert strays == ["paths.py"]


def test_no_shape_is_made_that_would_not_fit() -> None:
    assert TensorSpec("x", (None, 3, 224, 224)).with_batch(256) == (256, 3, 224, 224)
    with pytest.raises(ThimbleError, match="input x of shape 1000 x 3 x 224 x 1024 has 688,128,000 numbers"):
        TensorSpec("x", (None, 3, 224, 1024)).with_batch(1000)
