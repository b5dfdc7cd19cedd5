"""A whole study of a tiny network: complete, repeatable, and safe against what may end it."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from thimble import Lab, lab, read_study, summarize
from thimble.api.lab import plan
from thimble.core.artifact import read_manifest
from thimble.core.seen import digests_of, read_seen
from thimble.core.study import Study
from thimble.core.subject import Subject
from thimble.core.task import TaskSpec
from thimble.data import open_task
from thimble.devices import environment_of
from thimble.devices.process import Worker
from thimble.engine.store import Store
from thimble.search.named import QUICK
from thimble.study.plan import blank_study, source_of

HERE = Path(__file__).parent
TINY = f"{HERE.parent / 'tiny.py'}:network"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


def options(**fields: object) -> Lab:
    """The quick lab's candidates of a tiny network, trained long enough to have learned something."""
    return Lab(**{"model": TINY, "image_size": 16, "only": QUICK, "threads": 1, **fields})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def study(place: Path) -> Study:
    return lab(options(), place / "out", store=Store(place / "store"))


def test_every_candidate_was_built_and_measured(study: Study) -> None:
    assert study.complete
    assert [c.name for c in study.candidates] == ["baseline", "int8-static", "prune30-channels", "onnx", "onnx-int8-static"]
    for candidate in study.candidates:
        assert candidate.ok, candidate.reason
        assert candidate.size
        assert candidate.cold
        assert set(candidate.quality) == {"validation", "test"}
    joint = study.run(study.joint_run or "")
    assert set(joint.members) == {c.name for c in study.candidates}


def test_figures_make_sense(study: Study) -> None:
    summary = summarize(study)
    baseline = summary.row("baseline")
    assert baseline.quality
    assert baseline.quality.value > 50
    assert baseline.parameters == baseline.nonzero_parameters
    pruned = summary.row("prune30-channels")
    assert pruned.macs
    assert baseline.macs
    assert pruned.macs < 0.8 * baseline.macs
    assert summary.row("onnx").agreement == 100
    assert summary.row("onnx").macs == baseline.macs
    assert summary.chosen in {row.name for row in summary.rows}


def test_the_study_reads_back_as_it_was(study: Study, place: Path) -> None:
    assert read_study(place / "out") == msgspec.convert(msgspec.to_builtins(study), Study)


def test_results_csv_has_a_row_for_each(study: Study, place: Path) -> None:
    with (place / "out" / "results.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == [c.name for c in study.candidates]
    assert all(row["status"] == "ok" and float(row["size_mb"]) > 0 for row in rows)


@pytest.mark.parametrize("name", ["baseline", "int8-static", "onnx-int8-static"])
def test_an_artifact_runs_from_another_place(study: Study, place: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "taken"
    shutil.copytree(place / "out" / "artifacts" / name, folder)
    candidate = study.candidate(name)
    with Worker(Subject(name, folder, read_manifest(folder), candidate.runtime)) as worker:
        outputs = worker.run({study.candidates[0].artifact.inputs[0].name: np.zeros((2, 3, 16, 16), np.float32)})  # type: ignore[union-attr]
    assert next(iter(outputs.values())).shape == (2, 10)


def test_what_was_learned_from_is_written_down(study: Study, place: Path) -> None:
    task = open_task(TaskSpec("digits", 16))
    for candidate in study.candidates:
        if candidate.ok:
            seen = read_seen(place / "out" / candidate.folder)
            assert seen >= digests_of(task, ["train", "validation"])
            assert not seen & digests_of(task, ["test"])


def test_a_second_run_does_nothing_twice(study: Study, place: Path) -> None:
    store = Store(place / "store")
    before = {(entry.kind, entry.key): entry.bytes for entry in store.entries()}
    page = (place / "out" / "report.html").stat().st_mtime_ns
    again = lab(options(), place / "out", store=store)
    assert {(entry.kind, entry.key): entry.bytes for entry in store.entries()} == before
    assert again.started == study.started
    assert (place / "out" / "report.html").stat().st_mtime_ns == page


def test_a_common_prefix_is_computed_once(study: Study) -> None:
    trainings = [step for c in study.candidates for step in c.steps if step.name == "train"]
    assert len(trainings) == len(study.candidates), "each candidate begins with it"
    assert sum(not step.cached for step in trainings) == 1, "one trained; the others took its result"
    assert len({step.key for step in trainings}) == 1


def results(store: Path) -> dict[str, int]:
    """When each finished step was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in store.glob("steps/[!.]*/model.json")}


def trains(store: Path) -> bool:
    """Whether a training has left its first checkpoint, and is not done."""
    return any(path.is_file() for path in store.glob("scratch/*/*"))


def test_a_step_that_does_not_apply_is_a_row_with_its_reason(place: Path) -> None:
    recipes = {"twice": "to_onnx() + onnx_quantize_dynamic() + onnx_quantize_dynamic()", "fine": "to_onnx()"}
    made = lab(options(recipes=recipes), place / "reasons", store=Store(place / "store"))
    twice = made.candidate("twice")
    assert (twice.status, "quantized already" in twice.reason) == ("not applicable", True)
    assert [step.name for step in twice.steps][-1] == "onnx_quantize_dynamic"
    assert made.candidate("fine").ok
    assert "quantized already" in (place / "reasons" / "report.md").read_text()


def test_choice_looks_at_validation_only(study: Study) -> None:
    from dataclasses import replace

    from thimble.decide.choose import choose

    def spoiled(candidate: object) -> object:
        return replace(candidate, quality={k: v for k, v in candidate.quality.items() if k != "test"})  # type: ignore[attr-defined,type-var]

    blind = replace(study, candidates=tuple(spoiled(c) for c in study.candidates))  # type: ignore[arg-type]
    assert choose(blind) == study.chosen


def test_no_step_depends_on_test_data() -> None:
    asked = plan(options())
    blank = blank_study(asked, open_task(asked.task), environment_of())
    assert set(source_of(asked, blank).facts) == {"train", "calibration", "validation"}


def command(out: Path, *more: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "thimble",
        "lab",
        "--quick",
        "--model",
        TINY,
        "--image-size",
        "16",
        "--threads",
        "1",
        "--out",
        str(out),
        *more,
    ]


@pytest.mark.parametrize("moment", ["a training was at work", "it was trained"])
def test_a_run_killed_at_any_moment_goes_on(tmp_path: Path, moment: str) -> None:
    store, out = tmp_path / "store", tmp_path / "out"
    env = {**os.environ, "THIMBLE_STORE": str(store)}
    first = subprocess.Popen(command(out, "--only", "onnx"), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not (trains(store) if moment == "a training was at work" else len(results(store)) > 1):
        assert first.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    first.kill()
    first.wait()
    before, begun = results(store), {path.name for path in store.glob("scratch/*")}
    done = subprocess.run(command(out, "--only", "onnx"), env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert before.items() <= results(store).items(), "nothing that was finished is made again"
    study = read_study(out)
    assert study.complete
    steps_by_key = {step.key: step for candidate in study.candidates for step in candidate.steps}
    assert all(steps_by_key[key].cached for key in before if key in steps_by_key)
    if moment == "a training was at work":
        assert begun & {path.name for path in store.glob("scratch/*")}, "the training that was cut off is the one that was finished"
    left = [path.name for path in (store / "scratch").iterdir()]
    assert all(name.startswith("trail-") for name in left), "what a longer training may go on from stays, and nothing else"


def test_interruption_says_so_and_keeps_what_is_known(tmp_path: Path) -> None:
    env = {**os.environ, "THIMBLE_STORE": str(tmp_path / "store")}
    running = subprocess.Popen(command(tmp_path / "out"), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    study = tmp_path / "out" / "study.json"
    while (
        not (study.exists() and any(c.ok for c in read_study(study).candidates)) and running.poll() is None and time.monotonic() < deadline
    ):
        time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert errors.strip().splitlines()[-1].startswith("thimble: interrupted")
    left = read_study(tmp_path / "out")
    assert not left.complete
    assert left.candidates[0].ok
    assert (tmp_path / "out" / "report.md").exists()
