"""The distributions: built, installed in an environment without PyTorch, and used there."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from thimble.cli._pages import SITE_ONLY
from thimble.core.distribution import extra_of

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist, the wheel built from the unpacked sdist."""
    folder = tmp_path_factory.mktemp("dist")
    hatchling = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run([*hatchling, "-t", "sdist"], cwd=ROOT, check=True, capture_output=True)
    sdist = next(folder.glob("*.tar.gz"))
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    source = folder / sdist.name.removesuffix(".tar.gz")
    subprocess.run([*hatchling, "-t", "wheel"], cwd=source, check=True, capture_output=True)
    return next(folder.glob("*.whl")), sdist


@pytest.fixture(scope="module")
def core(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python environment with the wheel and what it declares to need without extras, and nothing else.

    The libraries are those installed here, linked: neither a registry nor a download is needed.
    """
    folder = tmp_path_factory.mktemp("core")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    for name in _closure(PROJECT["dependencies"]):
        _link(importlib.metadata.distribution(name), site)
    installing = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(built[0])]
    subprocess.run(installing, check=True, capture_output=True)
    return folder


def _closure(requirements: list[str]) -> set[str]:
    """Names of all distributions that these requirements bring without extras."""
    found: set[str] = set()
    waiting = list(requirements)
    while waiting:
        text = waiting.pop()
        name = re.match(r"[\w.-]+", text)[0].lower()
        if name in found or re.search(r";.*\b(extra|sys_platform|platform_system|python_version|python_full_version)\b", text):
            continue
        found.add(name)
        waiting += importlib.metadata.requires(name) or []
    return found


def _link(distribution: importlib.metadata.Distribution, site: Path) -> None:
    for top in {file.parts[0] for file in distribution.files or () if ".." not in file.parts and file.parts[0] != "__pycache__"}:
        if not (site / top).exists():
            (site / top).symlink_to(distribution.locate_file(top))


def _thimble(core: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"THIMBLE_STORE": str(folder / "store"), "PATH": os.defpath, "TMPDIR": str(folder)}  # the measuring lock lies there
    return subprocess.run([str(core / "bin" / "thimble"), *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A convolution and a classifier, as an ONNX file."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    weights = {"kernel": random.normal(size=(8, 3, 3, 3)), "matrix": random.normal(size=(8 * 16 * 16, 10))}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "kernel"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("Flatten", ["r"], ["f"]),
            helper.make_node("MatMul", ["f", "matrix"], ["y"]),
        ],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def test_distributions_hold_the_whole_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    wheel, sdist = built
    package = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*") if path.is_file()}
    package = {name for name in package if "__pycache__" not in name}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert package <= names
    assert names - package == {f"thimble/cli/_docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if path.stem not in SITE_ONLY}
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", *(f"src/{name}" for name in package)} <= held


def test_the_core_works_without_pytorch(core: Path, network: Path) -> None:
    folder = network.parent
    python = subprocess.run([str(core / "bin" / "python"), "-c", "import torch"], capture_output=True, text=True, check=False)
    assert "No module named 'torch'" in python.stderr

    for words, said in (
        (("measure", "model.onnx", "--out", "found"), "size MB"),
        (("doctor",), "missing: pip install 'thimble-fit[torch]'"),
        (("doctor", "model.onnx"), "weights"),
        (("compare", "model.onnx", "model.onnx"), "size:"),
        (("apply", "onnx_quantize_dynamic()", "model.onnx", "--out", "small"), "small:"),
        (("report", "found"), "ONNX Runtime"),
        (("help", "installing"), "# Installing"),
        (("list", "steps"), "not installed: pip install 'thimble-fit[torch]'"),
    ):
        done = _thimble(core, folder, *words)
        assert done.returncode == 0, (words, done.stderr)
        assert said in done.stdout, words
    page = (folder / "found" / "report.html").read_text()
    assert "The pictures need vl-convert-python: <code>pip install &#39;thimble-fit[plots]&#39;</code>" in page
    assert "pip install 'thimble-fit[plots]'" in _thimble(core, folder, "report", "found").stderr
    assert not (folder / "found" / "optimization_comparison.png").exists()


@pytest.mark.slow
def test_the_core_fits_and_hands_over(core: Path, network: Path) -> None:
    folder, random = network.parent, np.random.default_rng(0)
    images = random.normal(size=(400, 3, 16, 16)).astype(np.float32)
    np.savez(folder / "data.npz", x=images, y=random.integers(0, 10, 400))
    asked = ["--data", "npz:data.npz", "--max-drop", "60", "--threads", "1", "--budget", "80s", "--out", "fitted"]
    for words in (
        ["fit", "model.onnx", *asked],
        ["bundle", "fitted", "--force", "--out", "small.zip"],
        ["verify", "small.zip", "--no-timing"],
    ):
        done = _thimble(core, folder, *words)
        assert done.returncode in ((0, 3) if words[0] == "fit" else (0,)), (words, done.stderr)  # 3: a busy machine may prove nothing
        assert "Traceback" not in done.stderr
    assert (folder / "small.zip").is_file()


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("measure", "torchvision:resnet18"), "torch"),
        (("lab", "--quick"), "lab"),
        (("list", "models", "torchvision"), "torch"),
        (("view", "model.onnx", "--no-browser"), "view"),
        (("measure", "model.onnx@openvino"), "openvino"),
    ],
)
def test_what_is_missing_is_one_line_with_its_extra(core: Path, network: Path, words: tuple[str, ...], extra: str) -> None:
    done = _thimble(core, network.parent, *words)
    assert f"pip install 'thimble-fit[{extra}]'" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if words[0] == "list" else 5)


def test_every_module_that_the_package_imports_comes_with_an_extra_or_the_core() -> None:
    extras = [f'{text}; extra == "{extra}"' for extra, texts in PROJECT["optional-dependencies"].items() for text in texts]
    of_core, modules, unknown = _closure(PROJECT["dependencies"]), importlib.metadata.packages_distributions(), {}
    for path in (ROOT / "src" / "thimble").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            for top in {name.partition(".")[0] for name in names} - {"thimble", *sys.stdlib_module_names}:
                if not {name.lower() for name in modules.get(top, ())} & of_core and extra_of(top, extras) is None:
                    unknown[top] = path.name
    assert unknown.keys() <= {"worker_environment"}, "name the module's distribution under an extra in pyproject.toml"


@pytest.mark.parametrize(
    ("module", "extra"), [("torch", "torch"), ("sklearn", "lab"), ("vl_convert", "plots"), ("openvino", "openvino"), ("mkdocs", None)]
)
def test_extras_are_read_from_the_metadata(module: str, extra: str | None) -> None:
    assert extra_of(module) == extra


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_lab_runs_from_an_installed_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    """As users do it: ``pip install`` with an extra in an empty environment, then the lab from outside the checkout.

    The lock's versions are taken, since the newest PyTorch may be a build of several gigabytes for GPUs.
    """
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    pip = [str(tmp_path / "env" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "requirements.lock")]
    subprocess.run([*pip, f"{built[0]}[lab]"], check=True, capture_output=True)
    done = subprocess.run(
        [str(tmp_path / "env" / "bin" / "thimble"), "lab", "--quick", "--out", "lab"],
        cwd=tmp_path,
        env={**os.environ, "THIMBLE_STORE": str(tmp_path / "store"), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert {"report.html", "optimization_comparison.png", "study.json"} <= {path.name for path in (tmp_path / "lab").iterdir()}
