"""Check new artifacts against old ones, measured together now: what ``thimble check`` does in a project's CI."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from thimble.api.measure import measure, saved_measurement, saved_study
from thimble.api.options import check as check_options
from thimble.api.request import Check, Compare, Measure
from thimble.api.subjects import placed
from thimble.core import check as core
from thimble.core.artifact import MANIFEST
from thimble.core.errors import BadInput, RuntimeFailed
from thimble.core.paths import user_path
from thimble.core.step import Progress, silent
from thimble.core.study import Study
from thimble.core.temporary import temporary_folder
from thimble.core.values import first_line
from thimble.core.verdict import Proof
from thimble.decide.check import judge

GIT = "git:"
"""Prefix of a commit's name in ``--against``."""
GIT_S = 60
"""Seconds within which git has to give a file."""


@dataclass(frozen=True)
class Checks:
    """Every artifact's check, and those that have no old form, by name."""

    checks: tuple[core.Check, ...]
    added: tuple[str, ...] = ()

    @property
    def proof(self) -> Proof:
        """Return ``broken`` where any limit is proven to be broken, else ``not proven`` where any is open, else ``met``."""
        if any(one.broken for one in self.checks):
            return Proof.BROKEN
        return Proof.NOT_PROVEN if any(one.open for one in self.checks) else Proof.MET


def check(artifacts: Sequence[str], options: Check, progress: Progress = silent) -> Checks:
    """Check each artifact against its old form.

    The old form is measured in the same rounds where its files are at hand. Of a study whose artifacts are gone, size and quality are
    compared with what the study holds, and the latency is not proven: milliseconds of two runs are never compared. Raises `BadInput`
    for what can't be compared at all, `RuntimeFailed` where an artifact doesn't run.
    """
    check_options(options)
    if not artifacts:
        raise BadInput("nothing to check: give at least one artifact")
    if options.max_drop is not None and options.data is None:
        raise BadInput("--max-drop needs data to score the artifacts on: give --data SPEC")
    if len(artifacts) > 1 and not options.against.startswith(GIT):
        raise BadInput(f"--against {options.against} is one old artifact, and {len(artifacts)} are to be checked: check them one by one")
    checks, added = [], []
    for new in artifacts:
        with temporary_folder() as folder:
            old = _from_git(new, options.against, folder) if options.against.startswith(GIT) else options.against
            if old is None:
                added.append(new)
            else:
                checks.append(replace(_checked(old, new, options, progress), old=options.against, new=new))
    return Checks(tuple(checks), tuple(added))


def _checked(old: str, new: str, options: Check, progress: Progress) -> core.Check:
    bounds = core.Bounds(options.max_slowdown, options.max_growth, options.max_drop)
    saved = _saved(old)
    if saved is None:
        return _together(old, new, options, bounds, progress)
    study, name, folder = saved
    files = _files(study, name, folder)
    if files is not None:
        return _together(files, new, options, bounds, progress)
    alone = _run([new], options, progress)
    return judge((study, name), (alone, alone.candidates[0].name), bounds)


def _together(old: str, new: str, options: Check, bounds: core.Bounds, progress: Progress) -> core.Check:
    study = _run([old, new], options, progress)
    first, second = (candidate.name for candidate in study.candidates)
    return judge((study, first), (study, second), bounds)


def _run(artifacts: list[str], options: Check, progress: Progress) -> Study:
    study = measure(artifacts, Measure(**{f.name: getattr(options, f.name) for f in fields(Compare)}), progress)
    failed = next((candidate for candidate in study.candidates if not candidate.ok), None)
    if failed:
        raise RuntimeFailed(failed.reason)
    return study


def _saved(text: str) -> tuple[Study, str, Path] | None:
    """A study on disk, the candidate that is meant (the chosen one where none is named), and its folder; ``None`` for an artifact."""
    study = saved_study(text)
    if study is not None and study.chosen:
        text = f"{text}:{study.chosen}"
    found = saved_measurement(text)
    if found is None:
        return None
    place = user_path(text)
    if not place.exists():
        place = user_path(text.rpartition(":")[0])
    return *found, place if place.is_dir() else place.parent


def _files(study: Study, name: str, folder: Path) -> str | None:
    """What opens a candidate's artifact in the study's runtime; ``None`` where its files are gone."""
    candidate = study.candidate(name)
    if candidate.artifact is None or candidate.folder is None or not placed(candidate, folder):
        return None
    place = folder / candidate.folder
    return f"{place if (place / MANIFEST).is_file() else place / candidate.artifact.main}@{candidate.runtime}"


def _from_git(new: str, against: str, folder: Path) -> str | None:
    """The file of the same path in a commit, in ``folder`` with those beside it that bear its name; ``None`` where that commit has none."""
    ref, path = against.removeprefix(GIT), user_path(new)
    if not path.is_file():
        raise BadInput(f"there is no file {new}; git:REF is for files")
    if not ref or ref.startswith("-"):
        raise BadInput(f"--against {against!r} does not name a commit; write git:REF, such as git:origin/main")
    if _git(path.parent, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").returncode:
        raise BadInput(f"--against {against}: git does not know the commit {ref!r}; fetch it first (actions/checkout: fetch-depth: 0)")
    names = _git(path.parent, "ls-tree", "--name-only", "-z", ref, "./").stdout.decode(errors="replace").split("\0")
    if path.name not in names:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for name in (name for name in names if name.startswith(f"{path.stem}.")):
        blob = _git(path.parent, "cat-file", "--filters", f"{ref}:./{name}")
        if blob.returncode:
            raise BadInput(f"git can't give {name} of {ref}: {first_line(blob.stderr.decode(errors='replace'))}")
        (folder / name).write_bytes(blob.stdout)
    return str(folder / path.name)


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, timeout=GIT_S, check=False)
    except FileNotFoundError as error:
        raise BadInput("--against git:REF needs git, which is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise BadInput(f"git gave no answer within {GIT_S} s") from error
