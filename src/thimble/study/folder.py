"""A study's folder: ``study.json``, the artifacts, ``best``, and the reports; an earlier start's study is gone on with, never lost."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from thimble.core.artifact import write_manifest
from thimble.core.aside import writing
from thimble.core.errors import BadInput, MissingExtra, UnknownName
from thimble.core.job import Built, Outcome
from thimble.core.registry import REPORTS
from thimble.core.seen import write_seen
from thimble.core.study import Study, write_study
from thimble.core.summary import Summary
from thimble.core.verdict import Status
from thimble.decide.summarize import summarize
from thimble.study.ownership import ARTIFACTS, Claim, check_redrawn


class Folder:
    """Keeps a study while it is carried out, in a folder that was claimed for its question."""

    def __init__(self, claim: Claim) -> None:
        self.claim, self.path, self.before = claim, claim.folder, claim.before
        making(self.path / ARTIFACTS)
        self._latest: Study | None = None

    def placed(self, outcome: Outcome) -> Outcome:
        """Copy a built artifact out of the store, so that its folder can be taken away and still runs."""
        built = outcome.result
        if not isinstance(built, Built):
            return outcome
        name = Path(ARTIFACTS) / outcome.job.candidate
        aside = self.path / ARTIFACTS / f".{outcome.job.candidate}.thimble-new"
        with writing(self.path / name):
            shutil.rmtree(aside, ignore_errors=True)
            shutil.copytree(built.folder, aside)
            write_manifest(built.artifact, aside)
            write_seen(built.seen, aside)
        self.claim.place(aside, name.as_posix())
        return replace(outcome, result=replace(built, folder=name))

    def save(self, study: Study) -> None:
        """Write what is known; while a new start only catches up with an earlier one, that one's stays."""
        self._latest = study
        if self.before is None or not behind(study, self.before):
            write_study(study, self.path)
            if study.chosen is not None:
                self._link(study.chosen)

    def finish(self, study: Study) -> Study:
        """Write what was saved last, and its reports; gives the study that stays. Nothing is written of a ``study`` that never began.

        Where all of it came from the store and says what the folder's study says, that one stays, with the time that the work
        really took.
        """
        study = self._latest or study
        if not any(candidate.status != Status.NOT_TRIED for candidate in study.candidates):
            return study
        known = self.before
        if known is not None and not behind(study, known) and timeless(known) == timeless(study):
            write_study(known, self.path)
        if known is not None and (behind(study, known) or timeless(known) == timeless(study)):
            if not _reported(self.path):
                write_reports(known, self.path)
            return known
        self.save(study)
        write_reports(study, self.path)
        return study

    def _link(self, name: str) -> None:
        """``best`` leads to the artifact that would be shipped as far as is known."""
        link, aside = self.path / "best", self.path / f".best.{os.getpid()}"
        if not self.claim.ours(link.name):
            return
        self.claim.wrote(link.name)
        with contextlib.suppress(OSError):  # a file system without links still has the study
            aside.unlink(missing_ok=True)
            aside.symlink_to(Path("artifacts") / name, target_is_directory=True)
            aside.replace(link)


class Unkept:
    """Keeps nothing: the study of artifacts that lie where they are."""

    def placed(self, outcome: Outcome) -> Outcome:
        """The outcome as it is."""
        return outcome

    def save(self, study: Study) -> None:
        """Nothing."""


def making(folder: Path) -> None:
    """Make a folder where it isn't there; raises `CannotWrite`."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def write_reports(study: Study, folder: Path) -> Summary:
    """Write every registered report of the study into ``folder``, and return the figures that the reports show.

    Raises `BadInput` for a file of others in a report's place, before anything is written, and `CannotWrite`.
    """
    reports = _usual_here()
    check_redrawn(folder, study, _files_of(reports))
    summary = summarize(study)
    for report in reports:
        report().write(study, summary, folder)
    return summary


def redraw(study: Study, folder: Path, also: Sequence[str] = ()) -> list[Path]:
    """Write every report again, and those named in ``also``, whose paths it returns.

    Raises as `also_write` and `check_redrawn` do, before anything is written.
    """
    reports = [*_usual_here(), *(_named(name, "write") for name in also)]
    check_redrawn(folder, study, _files_of(reports))
    write_reports(study, folder)
    return also_write(study, folder, also)


def _usual_here() -> list[Any]:
    """The reports that are written for every study and whose libraries are installed."""
    return [report for report in REPORTS.all().values() if usual(report) and missing_for(report) is None]


def _files_of(reports: Sequence[Any]) -> list[str]:
    return [name for report in reports for name in getattr(report, "files", ())]


def usual(report: type) -> bool:
    """Return whether a report is written for every study, and not only where it is asked for."""
    return hasattr(report, "write") and not getattr(report, "on_request", False)


def also_write(study: Study, folder: Path, names: Sequence[str]) -> list[Path]:
    """Write reports by name, such as ``model_card``.

    Raises `UnknownName`, `MissingExtra`, and `BadInput` for a file of others in a report's place, before anything is written.
    """
    reports = [_named(name, "write") for name in names]
    check_redrawn(folder, study, _files_of(reports))
    summary = summarize(study) if reports else None
    return [path for report in reports if summary for path in report().write(study, summary, folder)]


def log_study(study: Study, folder: Path, places: Sequence[str]) -> list[str]:
    """Log the study to trackers, each ``NAME:URI`` such as ``mlflow:file:runs``; gives a line for each. Raises as `check_trackers` does."""
    found = []
    for report, uri in check_trackers(places):
        found.append(f"logged to {uri} as {report().log(study, summarize(study), folder, uri)}")
    return found


def check_trackers(places: Sequence[str]) -> list[tuple[Any, str]]:
    """The tracker and the address of each ``NAME:URI``. Raises `BadInput` for another form, `UnknownName`, `MissingExtra`."""
    for place in places:
        if not place.partition(":")[2]:
            raise BadInput(f"--log {place!r} must be of the form NAME:URI, such as mlflow:http://127.0.0.1:5000")
    return [(_named(place.partition(":")[0], "log"), place.partition(":")[2]) for place in places]


def _named(name: str, method: str) -> Any:
    """The report of that name that can ``write`` or ``log``, its libraries there."""
    able = [key for key, report in REPORTS.all().items() if hasattr(report, method)]
    if name not in able:
        raise UnknownName("report" if method == "write" else "tracker", name, able)
    if missing := missing_for(REPORTS.get(name)):
        raise missing
    return REPORTS.get(name)


def missing_for(report: type) -> MissingExtra | None:
    """What a report lacks of the libraries that it names under ``needs``; ``None`` where it can be written."""
    absent = next((module for module in getattr(report, "needs", ()) if importlib.util.find_spec(module) is None), None)
    return None if absent is None else MissingExtra(absent, getattr(report, "extra", None) or absent)


def left_out() -> list[str]:
    """One line for each report that isn't written here, with the command that installs what it needs."""
    reasons = {name: missing_for(report) for name, report in REPORTS.all().items()}
    return [f"{', '.join(REPORTS.get(name).files)}: {reason}" for name, reason in reasons.items() if reason and usual(REPORTS.get(name))]


def timeless(study: Study) -> bytes:
    """What a study says, whenever and in how many starts it was carried out."""
    steps = {c.name: tuple(replace(step, cached=True) for step in c.steps) for c in study.candidates}
    candidates = tuple(replace(c, steps=steps[c.name]) for c in study.candidates)
    return msgspec.json.encode(replace(study, candidates=candidates, started="", seconds=0.0))


def behind(study: Study, before: Study) -> bool:
    """Whether an earlier study of the same question, on such a machine, knows of more candidates than one that isn't complete yet."""

    def known(one: Study) -> int:
        return sum(candidate.status != Status.NOT_TRIED for candidate in one.candidates)

    return not study.complete and study.environment.comparable == before.environment.comparable and known(study) < known(before)


def report_files() -> tuple[str, ...]:
    """Return the names of the files that a study's end writes; reports on request join a folder's list when they are written."""
    return tuple(_files_of(_usual_here()))


def _reported(folder: Path) -> bool:
    """Return whether the files of every report that can be written are there."""
    return all((folder / name).exists() for name in _files_of(_usual_here()))
