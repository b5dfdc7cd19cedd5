"""Sweeps: several models, data, devices and limits in one file, one study each, one page over all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thimble.api import fit as fitting
from thimble.api.sweep import PAGE, ended_well, read_sweep, sweep
from thimble.core.errors import BadInput, EngineLost, LimitsNotMet, StepFailed, ThimbleError
from thimble.core.study import Study, read_study, write_study

STORED = Path(__file__).parents[1] / "stored" / "lab.json"
TEXT = """
model = ["a.onnx", "nets/b.onnx"]
data = "npz:x.npz"
max_drop = [0.5, 1.0]
mean = [0.5, 0.5, 0.5]
runtimes = ["onnxruntime", "openvino"]
budget = "10m"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "study.toml").write_text(TEXT)
    return tmp_path / "study.toml"


def test_every_combination_is_a_study_of_its_own(file: Path) -> None:
    parts = read_sweep([file])
    assert [part.name for part in parts] == ["a.onnx-max_drop-0.5", "a.onnx-max_drop-1.0", "b.onnx-max_drop-0.5", "b.onnx-max_drop-1.0"]
    assert [Path(part.asked.model).name for part in parts] == ["a.onnx", "a.onnx", "b.onnx", "b.onnx"]
    assert {part.asked.mean for part in parts} == {(0.5, 0.5, 0.5)}, "a list where one value is a list"
    assert {part.asked.runtimes for part in parts} == {("onnxruntime", "openvino")}
    assert {part.asked.budget for part in parts} == {600.0}
    assert {part.asked.engine for part in read_sweep([file], "ray:auto")} == {"ray:auto"}


def test_several_files_are_told_apart(file: Path) -> None:
    other = file.with_name("other.toml")
    other.write_text('model = "a.onnx"\ndata = "npz:x.npz"\n')
    assert [part.name for part in read_sweep([other])] == ["other"]
    assert [part.name for part in read_sweep([file, other])][-2:] == ["study-b.onnx-max_drop-1.0", "other"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('model = []\ndata = "digits"', "model is an empty list"),
        ('model = ["a.onnx", 3]\ndata = "digits"', "model must be"),
        ('model = ["x/a.onnx", "y/a.onnx"]\ndata = "digits"', "two studies of the sweep would be a.onnx"),
        ('model = "a.onnx"\ndata = "digits"\nmax_drop = [1, "many"]', "max_drop must be a number"),
        (f'model = "a.onnx"\ndata = "digits"\nseed = {list(range(1500))}', "more than 1,000 studies"),
        ('models = ["a.onnx"]\ndata = "digits"', "unknown key 'models'; did you mean 'model'"),
        ('model = ["a.onnx"]', "has no data"),
    ],
)
def test_what_can_not_be_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(BadInput, match=said) as caught:
        read_sweep([tmp_path / "bad.toml"])
    assert "\n" not in str(caught.value)


class Fits:
    """Fits that end at once, each as it is told to."""

    def __init__(self, ends: dict[str, BaseException | bool]) -> None:
        self.ends, self.asked = ends, list[str]()

    def __call__(self, asked: Any, out: Path, listen: Any, store: Any) -> Study:
        self.asked.append(out.name)
        end = self.ends.get(out.name, True)
        if isinstance(end, BaseException):
            raise end
        study = replace(read_study(STORED), limits=asked.limits if end else replace(asked.limits, max_size=0.001))
        out.mkdir(parents=True, exist_ok=True)
        write_study(study, out)
        return study


def test_one_page_shows_them_all_and_a_failure_is_no_end(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = read_sweep([file])
    fits = Fits({parts[1].name: StepFailed("no <b> luck"), parts[2].name: False})
    monkeypatch.setattr(fitting, "fit", fits)
    found = sweep(parts, tmp_path / "out")
    assert fits.asked == [part.name for part in parts]
    assert [one.state for one in found][1] == "failed"
    assert found[0].row
    page = (tmp_path / "out" / PAGE).read_text()
    assert all(f">{part.name}<" in page for part in parts)
    assert "no &lt;b&gt; luck" in page
    assert f'href="{parts[0].name}/report.html"' in page
    with pytest.raises(ThimbleError, match=f"1 of 4 studies failed; {parts[1].name}: no <b> luck"):
        ended_well(found)
    with pytest.raises(LimitsNotMet, match=parts[2].name):
        ended_well(found[2:3])


@pytest.mark.parametrize("end", [KeyboardInterrupt(), EngineLost("the cluster is gone")])
def test_what_is_known_stays_when_the_sweep_ends_early(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    parts = read_sweep([file])
    monkeypatch.setattr(fitting, "fit", Fits({parts[1].name: end}))
    with pytest.raises(type(end)):
        sweep(parts, tmp_path / "out")
    page = (tmp_path / "out" / PAGE).read_text()
    assert page.count("not begun") >= 3
    monkeypatch.setattr(fitting, "fit", again := Fits({}))
    assert {one.state for one in sweep(parts, tmp_path / "out")} <= {"met", "not proven"}
    assert again.asked == [part.name for part in parts], "each goes on from what its folder and the store hold"
