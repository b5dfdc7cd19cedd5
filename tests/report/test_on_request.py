"""Reports that are written where they are asked for: raw rounds, a model card, and a study in a tracker."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import pytest

from thimble.cli import main
from thimble.core.errors import BadInput, MissingExtra, UnknownName
from thimble.core.study import Study, read_study, write_study
from thimble.study import folder as folders
from thimble.study.folder import also_write, check_trackers, log_study, report_files, write_reports

STORED = Path(__file__).parents[1] / "stored"


@pytest.fixture
def study() -> Study:
    return read_study(STORED / "measured-lab.json")


def absent(name: str) -> bool:
    return importlib.util.find_spec(name) is None


def samples(study: Study) -> list[float]:
    return [ms for run in study.runs for turn in run.rounds for member in turn.order for ms in turn.samples_ms.get(member, ())]


def test_they_are_not_written_unasked(study: Study, tmp_path: Path) -> None:
    write_reports(study, tmp_path)
    assert not {"rounds.csv", "rounds.parquet", "MODEL_CARD.md"} & {path.name for path in tmp_path.iterdir()}


def test_every_timing_is_a_line(study: Study, tmp_path: Path) -> None:
    (path,) = also_write(study, tmp_path, ["rounds"])
    rows = list(csv.DictReader(path.open()))
    assert [float(row["ms"]) for row in rows] == samples(study)
    assert {row["run"] for row in rows if row["joint"] == "1"} == {study.joint_run}
    assert {row["member"] for row in rows} <= {candidate.name for candidate in study.candidates}


@pytest.mark.skipif(absent("pyarrow"), reason="needs the extra parquet")
def test_parquet_holds_the_same_with_types(study: Study, tmp_path: Path) -> None:
    from pyarrow import parquet

    (path,) = also_write(study, tmp_path, ["rounds_parquet"])
    table = parquet.read_table(path)
    assert table["ms"].to_pylist() == samples(study)
    assert str(table.schema.field("round").type) == "int32"


def test_the_card_describes_the_chosen_candidate(study: Study, tmp_path: Path) -> None:
    (path,) = also_write(study, tmp_path, ["model_card"])
    _, head, body = path.read_text().split("---\n", 2)
    values = {key: json.loads(value) for key, value in (line.split(": ", 1) for line in head.strip().splitlines())}
    assert values["library_name"] == "onnx"
    result = values["model-index"][0]["results"][0]
    scores = study.candidate(study.chosen).quality["test"].scores
    assert result["metrics"][0]["value"] == pytest.approx(sum(scores) / len(scores), abs=1e-6)
    assert f"# {study.chosen}" in body
    assert "5.61 MB" in body


@pytest.mark.skipif(absent("huggingface_hub"), reason="needs huggingface_hub, which reads the card as the Hub does")
def test_the_hub_reads_the_card(study: Study, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    (path,) = also_write(study, tmp_path, ["model_card"])
    card = ModelCard.load(path)
    assert card.data.eval_results[0].metric_type == "accuracy"
    assert "thimble" in card.data.tags


@pytest.mark.parametrize("name", ["failures", "one", "no-accuracy", "no-latency"])
def test_studies_that_lack_figures_have_a_card_and_rounds(name: str, tmp_path: Path) -> None:
    study = read_study(STORED / f"{name}.json")
    also_write(study, tmp_path, ["model_card", "rounds"])
    assert len((tmp_path / "rounds.csv").read_text().splitlines()) == len(samples(study)) + 1
    assert "# " in (tmp_path / "MODEL_CARD.md").read_text()


@pytest.mark.skipif(absent("mlflow"), reason="needs the extra mlflow")
@pytest.mark.filterwarnings("ignore")
def test_mlflow_holds_the_study_and_each_candidate(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = f"file:{tmp_path / 'mlruns'}"
    write_reports(study, tmp_path)
    (line,) = log_study(study, tmp_path, [f"mlflow:{uri}"])
    client = MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("thimble").experiment_id])
    parent = next(run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    assert line.endswith(parent.info.run_id)
    assert parent.data.params["chosen"] == study.chosen
    assert "report.html" in {file.path for file in client.list_artifacts(parent.info.run_id)}
    below = {run.info.run_name: run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id}
    assert set(below) == {candidate.name for candidate in study.candidates}
    chosen = below[str(study.chosen)].data.metrics
    assert chosen["speedup_low"] < chosen["speedup"] < chosen["speedup_high"]


def test_what_can_not_be_had_is_said_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="NAME:URI"):
        check_trackers(["mlflow"])
    with pytest.raises(UnknownName, match="unknown tracker 'wandb'"):
        check_trackers(["wandb:x"])
    monkeypatch.setattr(folders.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"thimble-fit\[mlflow\]"):
        check_trackers(["mlflow:file:x"])


def test_the_command_writes_what_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "study.json").write_text((STORED / "one.json").read_text())
    with pytest.raises(SystemExit) as end:
        main(["report", str(tmp_path), "--also", "model_card", "--also", "rounds"])
    assert (end.value.code or 0) == 0
    assert {"MODEL_CARD.md", "rounds.csv", "report.html"} <= {path.name for path in tmp_path.iterdir()}
    assert "rounds.csv" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["report", str(tmp_path), "--also", "nothing"])
    assert end.value.code == 2


def test_files_of_others_are_not_drawn_over(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_study(study, tmp_path)
    for name, also in (("report.md", []), ("MODEL_CARD.md", ["--also", "model_card"])):
        (tmp_path / name).write_text("mine")
        before = {path.name for path in tmp_path.iterdir()}
        with pytest.raises(SystemExit) as end:
            main(["report", str(tmp_path), *also])
        assert end.value.code == 2
        assert f"{tmp_path / name} is there" in " ".join(capsys.readouterr().err.split())
        assert (tmp_path / name).read_text() == "mine"
        assert {path.name for path in tmp_path.iterdir()} == before
        (tmp_path / name).unlink()


def test_own_files_are_drawn_again(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path)
    for _ in range(2):
        with pytest.raises(SystemExit) as end:
            main(["report", str(tmp_path), "--also", "rounds"])
        assert (end.value.code or 0) == 0
        for name in ("report.md", "rounds.csv"):
            assert (tmp_path / name).read_text() != "old"
            (tmp_path / name).write_text("old")


def test_a_study_does_not_claim_reports_that_it_does_not_write() -> None:
    assert "report.md" in report_files()
    assert not {"MODEL_CARD.md", "rounds.csv", "rounds.parquet"} & set(report_files())
