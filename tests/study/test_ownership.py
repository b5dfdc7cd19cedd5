"""A study's folder belongs to one question and one command, and what others put there stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from thimble import Fit, fit
from thimble.api.measure import measure
from thimble.api.request import Measure
from thimble.core.errors import BadInput, Busy, CannotWrite
from thimble.core.study import Limits, Study, read_study, write_study
from thimble.core.values import File
from thimble.study.ownership import LOCK, RECORD, claim
from thimble.study.question import Question

STORED = Path(__file__).parents[1] / "stored"
NAMES = ("report.html", "results.csv")


@pytest.fixture
def study() -> Study:
    return read_study(STORED / "lab.json")


@pytest.fixture
def folder(study: Study, tmp_path: Path) -> Path:
    """A folder that a finished study left."""
    out = tmp_path / "out"
    with claim(out, Question.of(study, "source"), NAMES):
        write_study(study, out)
        (out / "report.html").write_text("report")
    return out


def refusal(folder: Path, question: Question) -> str:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(BadInput) as caught:
        claim(folder, question, NAMES)
    assert {path: path.read_bytes() for path in before} == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_same_question_goes_on(study: Study, folder: Path) -> None:
    more_time = replace(study, settings={**study.settings, "budget_s": 5.0}, candidates=(), complete=False)
    with claim(folder, replace(Question.of(study, "source"), asked=Question.of(more_time).asked), NAMES) as mine:
        assert mine.before == study
    assert not (folder / LOCK).exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 7}, "seed 7, not 0"),
        ({"model": "torchvision:other"}, "model torchvision:other, not"),
        ({"threads": 3}, "threads 3, not"),
        ({"name": "fit"}, "command fit, not lab"),
        ({"limits": Limits(max_drop=0.5, max_size=1.0)}, "--max-drop 0.5, not"),
        ({"settings": {"quick": True}}, "quick true"),
    ],
)
def test_another_question_is_refused_by_what_differs(study: Study, folder: Path, change: dict[str, object], words: str) -> None:
    said = refusal(folder, Question.of(replace(study, **change)))  # type: ignore[arg-type]
    assert "holds a study of another question" in said
    assert words in said
    assert f"--out {folder}-2" in said


def test_other_data_models_and_candidates_are_other_questions(study: Study, folder: Path) -> None:
    task = replace(study.task, spec="npz:other.npz")
    assert "data npz:other.npz, not" in refusal(folder, Question.of(replace(study, task=task)))
    splits = {name: replace(info, fingerprint="other") for name, info in study.task.splits.items()}
    assert "data that have changed" in refusal(folder, Question.of(replace(study, task=replace(study.task, splits=splits))))
    assert "a model, or libraries that open it, that have changed since" in refusal(folder, Question.of(study, "another source"))
    said = refusal(folder, Question.of(replace(study, seed=7, task=replace(study.task, splits=splits)), "another source"))
    assert ("seed 7, not 0" in said, "have changed" in said) == (True, False)
    fewer = replace(study, candidates=study.candidates[:2])
    assert "no candidate" in refusal(folder, Question.of(fewer))
    shortened = {name: replace(info, samples=3, fingerprint="first three") for name, info in study.task.splits.items()}
    with claim(folder, Question.of(replace(study, task=replace(study.task, splits=shortened)), "source"), NAMES):
        pass


def test_what_cannot_be_read_is_not_overwritten(study: Study, folder: Path) -> None:
    written = json.loads((folder / "study.json").read_text())
    for content, words in (
        ("{", "is not a valid study"),
        (json.dumps({**written, "schema": 99}), "has schema 99"),
        ("[" * 100_000, "too deep"),
    ):
        (folder / "study.json").write_text(content)
        said = refusal(folder, Question.of(study))
        assert words in said
        assert "It would be overwritten: Give --out" in said
    (folder / "study.json").unlink()
    os.mkfifo(folder / "study.json")
    with pytest.raises(BadInput):
        claim(folder, Question.of(study))


@pytest.mark.parametrize("name", ["", "  "])
def test_no_name_is_no_folder(study: Study, name: str) -> None:
    with pytest.raises(BadInput, match="--out is empty"):
        claim(name, Question.of(study))


def test_places_that_cannot_be_folders(study: Study, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="is a file"):
        claim(tmp_path / "file", Question.of(study))
    with pytest.raises(CannotWrite):
        claim("/proc/no/such", Question.of(study))
    (tmp_path / "artifacts").touch()
    with pytest.raises(BadInput, match="artifacts is there, and Thimble did not write it"):
        claim(tmp_path, Question.of(study))


def test_files_of_others_are_in_the_way_or_stay(study: Study, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    (tmp_path / "report.html").write_text("mine")
    assert "report.html is there, and Thimble did not write it" in refusal(tmp_path, Question.of(study))
    (tmp_path / "report.html").unlink()
    with claim(tmp_path, Question.of(study), NAMES):
        (tmp_path / "report.html").write_text("ours")
    with claim(tmp_path, Question.of(study), NAMES) as mine:
        assert mine.ours("report.html")
        assert not mine.ours("thesis.tex")
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def made(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def test_only_files_that_thimble_wrote_are_replaced(study: Study, folder: Path) -> None:
    artifacts = folder / "artifacts"
    with claim(folder, Question.of(study), NAMES) as mine:
        place = mine.place(made(artifacts / ".int8", model="first", extra="first"), "artifacts/int8")
        (place / "notes.txt").write_text("mine")
        (artifacts / "somebody").mkdir()
        (artifacts / "somebody" / "model").write_text("mine")
        mine.place(made(artifacts / ".int8", model="second"), "artifacts/int8")
        assert sorted(path.name for path in place.iterdir()) == ["model", "notes.txt"]
        assert ((place / "model").read_text(), (place / "notes.txt").read_text()) == ("second", "mine")
        with pytest.raises(BadInput, match="artifacts/somebody/model is there, and Thimble did not write it"):
            mine.place(made(artifacts / ".somebody", model="third"), "artifacts/somebody")
    assert (artifacts / "somebody" / "model").read_text() == "mine"


def test_a_link_in_an_artifacts_place_is_not_followed(study: Study, folder: Path, tmp_path: Path) -> None:
    elsewhere = made(tmp_path / "elsewhere", model="mine")
    (folder / "artifacts").mkdir()
    (folder / "artifacts" / "int8").symlink_to(elsewhere, target_is_directory=True)
    with claim(folder, Question.of(study), NAMES) as mine:
        mine.place(made(folder / "artifacts" / ".int8", model="ours"), "artifacts/int8")
    assert (elsewhere / "model").read_text() == "mine"
    assert (folder / "artifacts" / "int8" / "model").read_text() == "ours"


def test_a_folder_without_a_record_is_known_by_its_study(study: Study, folder: Path) -> None:
    candidate = next(one for one in study.candidates if one.artifact)
    assert candidate.artifact is not None
    kept = replace(
        candidate, folder=f"artifacts/{candidate.name}", artifact=replace(candidate.artifact, main="model", files=(File("model", 1, "0"),))
    )
    write_study(replace(study, candidates=tuple(kept if one is candidate else one for one in study.candidates)), folder)
    for damage in (None, "{", '{"files": 3}'):
        (folder / RECORD).unlink() if damage is None else (folder / RECORD).write_text(damage)
        with claim(folder, Question.of(study), NAMES) as mine:
            assert mine.ours("report.html")
            assert f"{kept.folder}/model" in mine._record.files


HOLDING = """
import sys
from pathlib import Path
from thimble.core.study import read_study
from thimble.study.ownership import claim
from thimble.study.question import Question
with claim(sys.argv[2], Question.of(read_study(Path(sys.argv[1])))):
    print("held", flush=True)
    input()
"""


def test_the_second_of_two_commands_is_refused_naming_the_first(study: Study, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(STORED / "lab.json"), str(tmp_path / "out")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=f"process {first.pid}"):
            claim(tmp_path / "out", Question.of(study))
        first.kill()
        first.wait()
        held = claim(tmp_path / "out", Question.of(study))  # however the first one ended
        with held, pytest.raises(Busy, match=f"process {os.getpid()}"):
            claim(tmp_path / "out", Question.of(study))


TINY = f"{Path(__file__).parents[1] / 'tiny.py'}:network"


@pytest.mark.parametrize("what", ["another seed", "a strangers file", "a measurement"])
def test_commands_keep_to_it(study: Study, what: str, tmp_path: Path, private_store: Path) -> None:
    """Nothing is lost, and nothing is trained or measured before that is known."""
    out = tmp_path / "out"
    out.mkdir()
    if what == "a strangers file":
        (out / "report.md").write_text("mine")
    else:
        write_study(study, out)
    kept = {path.name: path.read_bytes() for path in out.iterdir()}
    attempt = (lambda: measure([TINY], Measure(out=out))) if what == "a measurement" else (lambda: fit(asked, out))
    asked = Fit(TINY, "digits", size=16, threads=1)
    with pytest.raises(BadInput, match=f"--out {out}-2"):
        attempt()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == kept
