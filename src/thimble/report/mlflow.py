"""Studies in MLflow: a run for the study, one below it for each candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import CannotWrite, MissingExtra
from thimble.core.study import Study
from thimble.core.summary import Interval, Row, Summary
from thimble.core.text import plain
from thimble.core.values import first_line

EXPERIMENT = "thimble"
FIGURES = (
    *("size_mb", "size_deflated_mb", "compression", "parameters", "macs", "latency_mean_ms", "latency_p50_ms", "latency_p95_ms", "speedup"),
    *("quality", "drop", "agreement", "memory_mb", "load_ms", "first_inference_ms"),
)
"""Fields of a row that are logged as metrics; those with an interval have their ends beside them, as ``speedup_low`` and ``_high``."""


class Mlflow:
    """Logs a study to MLflow at the address of a folder, a database or a server."""

    needs: ClassVar[tuple[str, ...]] = ("mlflow",)
    extra: ClassVar[str | None] = "mlflow"

    def log(self, study: Study, summary: Summary, folder: Path, uri: str) -> str:
        """Log the study with the files of its folder; gives the run's id. Raises `MissingExtra`, and `CannotWrite` with MLflow's reason."""
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ModuleNotFoundError as error:
            raise MissingExtra("mlflow", "mlflow") from error
        try:
            return _logged(MlflowClient(tracking_uri=uri), study, summary, folder)
        except (MlflowException, OSError) as error:
            raise CannotWrite(f"MLflow can't log to {uri}: {first_line(error)}") from error


def _logged(client: Any, study: Study, summary: Summary, folder: Path) -> str:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    place = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
    run = client.create_run(place, run_name=plain(f"{study.name}: {study.model}")[:250]).info.run_id
    about = {"model": study.model, "data": study.task.spec, "metric": study.task.metric, "threads": study.threads, "seed": study.seed}
    about |= {"processor": study.environment.processor, "device": study.device, "thimble": study.thimble, "chosen": study.chosen}
    for name, value in about.items():
        client.log_param(run, name, plain(value)[:500])
    client.set_tag(run, "mlflow.note.content", summary.recommendation)
    for row in summary.rows:
        _candidate(client, place, run, row)
    for name in ("study.json", "report.html", "report.md", "results.csv"):
        if (folder / name).is_file():
            client.log_artifact(run, str(folder / name))
    client.set_terminated(run)
    return str(run)


def _candidate(client: Any, place: str, study: str, row: Row) -> None:
    tags = {"mlflow.parentRunId": study, "runtime": row.runtime, "status": str(row.status), "verdict": row.verdict[:4000]}
    run = client.create_run(place, run_name=plain(row.name)[:250], tags={name: plain(text) for name, text in tags.items()}).info.run_id
    client.log_param(run, "recipe", plain(row.recipe)[:500])
    for name in FIGURES:
        value = getattr(row, name)
        if isinstance(value, Interval):
            for end, number in (("", value.value), ("_low", value.low), ("_high", value.high)):
                client.log_metric(run, f"{name}{end}", number)
        elif value is not None:
            client.log_metric(run, name, float(value))
    client.set_terminated(run)
