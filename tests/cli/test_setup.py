"""``thimble setup`` makes an environment, continues after an interruption, finds it again, and removes it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from thimble.api import setup as module
from thimble.cli.setup import command
from thimble.core import pythons
from thimble.core.errors import BadInput, CannotWrite, ThimbleError, UnknownName
from thimble.core.pythons import MARK, environments, python_of
from thimble.core.registry import RUNTIMES


def run(*words: str) -> Result:
    return CliRunner().invoke(command, words, catch_exceptions=False)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a wheel that brings ncnn's library, as far as it is asked for."""
    monkeypatch.setattr(RUNTIMES.get("ncnn"), "pinned", ("made-up-library==1.2",))
    monkeypatch.setattr(RUNTIMES.get("ncnn"), "needs", ("made_up_library",))
    monkeypatch.setattr(RUNTIMES.get("ncnn"), "distribution", "made-up-library")
    monkeypatch.setattr(module, "_requirements", tuple)
    pythons.look.cache_clear()
    told = "made_up_library-1.2.dist-info"
    with zipfile.ZipFile(tmp_path / "made_up_library-1.2-py3-none-any.whl", "w") as archive:
        archive.writestr("made_up_library/__init__.py", "")
        archive.writestr(f"{told}/METADATA", "Metadata-Version: 2.1\nName: made-up-library\nVersion: 1.2\n")
        archive.writestr(f"{told}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{told}/RECORD", "")
    return tmp_path


def test_the_list_names_sizes_and_states() -> None:
    told = run().stdout.splitlines()
    assert "litert: absent, 2,250 MB" in told
    found = json.loads(run("--json").stdout)["environments"]
    assert {one["state"] for one in found} == {"absent"}
    litert = next(one for one in found if one["name"] == "litert")["requirements"]
    assert litert[:3] == ["ai-edge-litert==2.3.0", "ai-edge-quantizer==0.10.0", "litert-torch==0.10.0"]
    assert {"torch", "numpy", "msgspec", "scikit-learn"} <= {one.partition("==")[0] for one in litert}
    assert all("==" in one for one in litert)


def test_an_environment_is_made_continued_kept_and_removed(wheel: Path) -> None:
    with pytest.raises(ThimbleError, match=r"pip can't install ncnn: No matching distribution found for made-up-library==1.2"):
        run("ncnn")
    assert "ncnn: unfinished" in run().stdout
    done = run("ncnn", "--find-links", str(wheel))
    assert done.stdout.splitlines()[-1] == f"ncnn is ready: {environments()}/ncnn/bin/python"
    assert f"ncnn gets an environment in {environments()}/ncnn, which takes about 1,375 MB: made-up-library==1.2" in done.stderr
    assert python_of(RUNTIMES.get("ncnn")).path == f"{environments()}/ncnn/bin/python"
    assert "is set up in" in run("ncnn").stderr
    (environments() / "ncnn" / MARK).write_text(json.dumps({"requirements": ["made-up-library==1.1"]}))  # of an older Thimble
    assert "gets an environment" in run("ncnn", "--find-links", str(wheel)).stderr
    assert "is removed" in run("ncnn", "--remove").stdout
    assert not (environments() / "ncnn").exists()
    assert "ncnn: absent" in run().stdout


def test_what_cannot_be_set_up_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="unknown runtime 'lite'; did you mean 'litert'"):
        run("lite")
    with pytest.raises(BadInput, match="ONNX Runtime has no environment of its own; thimble setup knows executorch, litert"):
        run("onnxruntime")
    with pytest.raises(BadInput, match="name the runtime"):
        run("--remove")
    monkeypatch.setattr(RUNTIMES.get("litert"), "pinned_mb", 10**9)
    with pytest.raises(CannotWrite, match=r"needs about 1,000,000,000 MB and some room to work, and [\d,]+ MB are free"):
        run("litert")
