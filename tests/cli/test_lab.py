"""Bad input to the lab: one clear line, the right exit code, before anything long begins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TINY = f"{Path(__file__).parents[1] / 'tiny.py'}:network"


def lab(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "THIMBLE_STORE": str(tmp_path / "store")}
    command = [sys.executable, "-m", "thimble", "lab", "--out", str(tmp_path / "out"), *options]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "torchvision:resnet81"], "did you mean 'resnet18'"),
        (["--model", "nowhere:net"], "torchvision:NAME"),
        (["--data", "mnist"], "imagefolder:DIR"),
        (["--data", "imagefolder:/no/such/folder"], "there is no folder"),
        (["--only", " , "], "is empty; leave it out"),
        (["--only", "onnx,onxx"], "did you mean 'onnx'"),
        (["--weights", "/no/such/file.pt"], "no weights file"),
        (["--weights", __file__], "not a weights file"),
        (["--threads", "0"], "--threads"),
        (["--mean", "a,b,c"], "list of numbers"),
        (["--model", "/no/such/net.py:network"], "/no/such/net.py"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(tmp_path: Path, options: list[str], said: str) -> None:
    done = lab(tmp_path, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    if not done.stderr.startswith("Usage"):
        assert len([line for line in done.stderr.splitlines() if line.startswith("thimble:")]) == 1


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = lab(tmp_path, "--out", str(tmp_path / "file" / "below"))
    assert done.returncode == 7
    assert "can't write" in done.stderr


def test_a_head_that_does_not_fit(tmp_path: Path) -> None:
    source = tmp_path / "seven.py"
    source.write_text("from torch import nn\ndef network():\n    return nn.Sequential(nn.Flatten(), nn.Linear(768, 7)).eval()\n")
    done = lab(tmp_path, "--model", f"{source}:network", "--image-size", "16")
    assert done.returncode == 2
    assert "7" in done.stderr
    assert "10" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    from thimble.core.errors import CannotWrite
    from thimble.engine.store import writing

    with pytest.raises(CannotWrite, match="No space left"), writing(Path("/dev/full")), Path("/dev/full").open("w") as stream:
        stream.write("x" * 100_000)


def test_a_full_disk_is_said_of_a_copied_folder_too() -> None:
    import shutil

    from thimble.core.errors import CannotWrite
    from thimble.engine.store import writing

    full = shutil.Error([("a", "b", "[Errno 28] No space left on device: 'a' -> 'b'")])
    with pytest.raises(CannotWrite, match=r"^can't write /out: \[Errno 28\] No space left on device: 'a' -> 'b'$"), writing(Path("/out")):
        raise full


def test_list_names_everything_with_its_settings() -> None:
    for kind, word in (
        ("steps", "prune_channels(ratio=0.3"),
        ("runtimes", "onnxruntime"),
        ("recipes", "prune30-onnx-int8"),
        ("tasks", "digits"),
    ):
        done = subprocess.run([sys.executable, "-m", "thimble", "list", kind], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert word in done.stdout


def test_report_needs_only_the_study(tmp_path: Path) -> None:
    golden = Path(__file__).parents[1] / "stored" / "lab.json"
    (tmp_path / "study.json").write_bytes(golden.read_bytes())
    done = subprocess.run([sys.executable, "-m", "thimble", "report", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("results.csv", "optimization_comparison.png", "report.md", "report.html"):
        assert (tmp_path / name).stat().st_size > 0


def test_report_of_nothing_is_said(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "thimble", "report", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no study" in done.stderr


def test_all_runtimes_adds_every_one_and_says_what_is_missing() -> None:
    from thimble.api.lab import Lab, plan

    usual, every = plan(Lab(quick=True)), plan(Lab(quick=True, all_runtimes=True))
    assert {one.runtime for one in every.recipes} >= {"pytorch", "onnxruntime", "ncnn", "litert", "tflite_micro", "coreml"}
    assert len({one.name for one in every.recipes}) == len(every.recipes) > len(usual.recipes)
    assert every.recipes[: len(usual.recipes)] == usual.recipes
    assert all("pip install" in reason or "runs on Darwin" in reason for reason in every.reasons.values() if reason)


def test_the_lab_ends_with_the_commands_that_hand_its_choice_over():
    from thimble.cli.lab import _hand_over

    lines = "\n".join(_hand_over(Path("runs/my lab")))
    assert "thimble bundle 'runs/my lab' --out lab.zip" in lines
    assert "thimble bundle 'runs/my lab' --target web --out lab-web" in lines
    assert "thimble measure lab-web --on browser:0.0.0.0" in lines
