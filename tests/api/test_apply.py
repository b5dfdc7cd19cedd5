"""One recipe on a model: the artifact runs elsewhere, the exporter is put in, and what can't be is said first."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from thimble import Apply, Fit, Store, ThimbleError, apply, fit
from thimble.api.apply import Applied, _check_data, check_replaceable, check_route
from thimble.api.measure import Measure, measure
from thimble.cli.apply import command, told
from thimble.core.artifact import read_manifest
from thimble.core.errors import BadInput, UnknownName
from thimble.core.recipe import parse_recipe
from thimble.core.seen import read_seen
from thimble.core.subject import Subject
from thimble.devices.process import Worker

TINY = f"{Path(__file__).parents[1] / 'tiny.py'}:network"
RECIPE = "prune_channels(0.5) + onnx_quantize_static()"


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Applied, Path]:
    place = tmp_path_factory.mktemp("apply")
    options = Apply(RECIPE, TINY, "digits", size=16, threads=1)
    return apply(options, place / "small", store=Store(place / "store")), place


def test_the_exporter_is_put_in_and_every_change_is_told(applied: tuple[Applied, Path]) -> None:
    source, pruned, exported, quantized = applied[0].changes
    assert (exported.text, exported.inserted, pruned.inserted) == ("to_onnx()", True, False)
    assert 0 < (pruned.parameters or 0) < (source.parameters or 0)
    assert 0 < (pruned.macs or 0) < (source.macs or 0)
    assert 0 < (quantized.bytes or 0) < (exported.bytes or 0)
    assert applied[0].size.macs
    text = "\n".join(told(applied[0]))
    assert "to_onnx()  (put in)" in text
    assert "torch -> onnx" in text
    assert max(len(line) for line in text.splitlines() if line.startswith("    ")) <= 80


def test_the_folder_runs_elsewhere(applied: tuple[Applied, Path], tmp_path: Path) -> None:
    shutil.copytree(applied[0].folder, tmp_path / "away")
    subject = Subject("away", tmp_path / "away", read_manifest(tmp_path / "away"), applied[0].runtime)
    with Worker(subject) as worker:
        outputs = worker.run({"input": np.zeros((2, 3, 16, 16), np.float32)})
    assert next(iter(outputs.values())).shape == (2, 10)


def test_again_it_comes_from_the_store_and_replaces_the_artifact(applied: tuple[Applied, Path]) -> None:
    first, place = applied
    again = apply(Apply(RECIPE, TINY, "digits", size=16, threads=1), first.folder, store=Store(place / "store"))
    assert all(change.cached for change in again.changes[1:])
    assert (again.artifact, again.size) == (first.artifact, first.size)
    assert [path.name for path in place.iterdir() if path.name.startswith(".")] == []


def test_a_folder_with_anything_else_is_refused(applied: tuple[Applied, Path], tmp_path: Path) -> None:
    shutil.copytree(applied[0].folder, tmp_path / "own")
    check_replaceable(tmp_path / "own")
    (tmp_path / "own" / "thesis.txt").touch()
    with pytest.raises(BadInput, match=r"thesis\.txt"):
        check_replaceable(tmp_path / "own")
    with pytest.raises(BadInput, match="is a file"):
        check_replaceable(tmp_path / "own" / "thesis.txt")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Apply("finetune(2)", TINY), "needs train data: give them with --data"),
        (Apply("to_onnx() + prune_channels(0.5)", TINY), "needs torch but gets onnx; no exporter converts onnx to torch"),
        (Apply("to_onnx()", TINY, runtime="pytorch"), "the recipe ends in onnx"),
        (Apply("prune30-onnx-int9", TINY), "did you mean 'prune30-onnx-int8'"),
        (Apply("prune_chanels", TINY), "did you mean 'prune_channels'"),
        (Apply("prune_channels(2)", TINY), "between 0 and 1"),
        (Apply("__import__('os')", TINY), "unknown step"),
        (Apply("", TINY), "RECIPE is empty"),
        (Apply("to_onnx()", TINY, threads=0), "--threads must be a whole number from 1 to 1024, not 0"),
        (Apply("to_onnx()", TINY, "digits", size=16, shapes={"input": (1, 3, 32, 32)}), "--input-shape says input is N x 3 x 32 x 32"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_built(options: Apply, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as error:
        apply(options, tmp_path / "out", store=Store(tmp_path / "store"))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "store").glob("steps/*"))


def test_a_named_recipe_without_its_data_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["onnx-int8", TINY, "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, ThimbleError)
    assert "needs calibration data" in str(done.exception)


def test_data_that_only_help_are_not_asked_for() -> None:
    _check_data(parse_recipe("prune_channels(0.5) + to_onnx()"), None)
    with pytest.raises(BadInput, match="needs calibration data"):
        _check_data(parse_recipe("prune_blocks(1)"), None)


def test_routes_are_known_beforehand() -> None:
    check_route(parse_recipe("prune_channels(0.5) + onnx_quantize_static()"), "torch", "onnxruntime")
    check_route((), "torch", "onnxruntime")
    with pytest.raises(BadInput, match="no exporter converts onnx to torch"):
        check_route(parse_recipe("prune_channels(0.5)"), "onnx", "onnxruntime")
    with pytest.raises(UnknownName):
        check_route((), "torch", "no_such_runtime")


def test_what_calibration_saw_proves_nothing_later(applied: tuple[Applied, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, place = applied[0].folder, applied[1]
    monkeypatch.setenv("THIMBLE_STORE", str(place / "store"))
    for artifact in (str(folder), f"{folder / 'model.onnx'}@onnxruntime"):
        with pytest.raises(BadInput, match=r"has seen \d+ of the \d+ test samples of digits: it was trained, calibrated or chosen with"):
            measure([artifact], Measure(data="digits", size=16, seed=1))
    with pytest.raises(BadInput, match="has seen"):  # nor where it is where a study begins
        fit(Fit(str(folder / "model.onnx"), "digits", size=16, seed=1), place / "fit")


def test_what_was_seen_is_handed_down(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    exported = apply(Apply("to_onnx()", TINY, "digits", size=16), tmp_path / "exported", store=store)
    smaller = apply(Apply("onnx_quantize_dynamic()", str(exported.folder / "model.onnx")), tmp_path / "smaller", store=store)
    assert smaller.beside is not None
    assert (smaller.beside.name, smaller.beside.bytes > smaller.size.bytes) == ("model.onnx", True)
    assert smaller.beside.speedup or smaller.beside.reason
    assert read_seen(smaller.folder) == read_seen(exported.folder) != frozenset()
