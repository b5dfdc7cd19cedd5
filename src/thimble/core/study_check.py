"""A stored study is read as a value that holds together, or refused in one line: nothing behind it has to doubt it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from thimble.core.artifact import LONGEST, problems
from thimble.core.errors import BadInput
from thimble.core.evidence import check_notes, check_probe
from thimble.core.paths import contents
from thimble.core.reading import converted, decoded
from thimble.core.text import brief
from thimble.core.values import first_line, listed

if TYPE_CHECKING:
    from thimble.core.study import Run, Study


def read(file: Path) -> Study:
    """The study in a file. Raises `BadInput` with what is wrong."""
    from thimble.core.study import SCHEMA, Study

    try:
        head = decoded(contents(file), file, "study")
    except FileNotFoundError as error:
        raise BadInput(f"there is no study at {file}") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{file} can't be read: {getattr(error, 'strerror', None) or first_line(error)}") from error
    schema = head.get("schema") if isinstance(head, dict) else None
    if schema != SCHEMA:
        raise BadInput(f"{file} has schema {schema if isinstance(schema, int) else 'none'}; this version reads schema {SCHEMA}")
    return checked(converted(head, Study, file, "study"), file)


def checked(study: Study, file: Path) -> Study:
    """The study, its parts fitting each other. Raises `BadInput` with the first thing that doesn't."""
    for problem in chain(_names(study), _artifacts(study), _runs(study), _scores(study), _evidence(study)):
        raise BadInput(f"{file} is not a study: {problem}")
    return study


def _names(study: Study) -> Iterator[str]:
    for what, names in (("candidate", [c.name for c in study.candidates]), ("measuring run", [run.id for run in study.runs])):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            yield f"more than one {what} is called {listed(map(repr, twice), 3)}"
    if study.joint_run is not None and study.joint_run not in {run.id for run in study.runs}:
        yield f"joint_run is {study.joint_run!r}, but there is no such run"
    if study.chosen is not None and study.chosen not in {c.name for c in study.candidates}:
        yield f"chosen is {study.chosen!r}, but there is no such candidate"


def _artifacts(study: Study) -> Iterator[str]:
    for candidate in study.candidates:
        for problem in problems(candidate.artifact) if candidate.artifact else ():
            yield f"the artifact of {candidate.name!r} can't be: {brief(problem, LONGEST)}"


def _runs(study: Study) -> Iterator[str]:
    for run in study.runs:
        if run.reference not in run.members:
            yield f"run {run.id!r} has the reference {run.reference!r}, which is not among its members"
        if len(set(run.members)) < len(run.members):
            yield f"run {run.id!r} names a member twice"
        yield from _rounds(run)


def _rounds(run: Run) -> Iterator[str]:
    for i, one in enumerate(run.rounds):
        strange = {*one.samples_ms, *one.order} - set(run.members)
        if strange:
            yield f"round {i} of run {run.id!r} holds {listed(sorted(map(repr, strange)), 3)}, which its members don't"
        empty = [name for name, samples in one.samples_ms.items() if not samples]
        if empty:
            yield f"round {i} of run {run.id!r} has no timing of {listed(map(repr, empty), 3)}"


def _scores(study: Study) -> Iterator[str]:
    """Scores are all single figures or all rows of one length; those of right-or-wrong metrics are 0 or 1."""
    from thimble.core.registry import METRICS

    known = METRICS.names()
    for candidate in study.candidates:
        for split, scored in candidate.quality.items():
            where = f"the {split} scores of {candidate.name!r}"
            lengths = {len(row) if isinstance(row, tuple) else 0 for row in scored.scores}
            if len(lengths) > 1:
                yield f"{where} differ in their number of figures: {listed(map(str, sorted(lengths)))}"
            elif scored.metric in known and METRICS.get(scored.metric).binary and not set(scored.scores) <= {0.0, 1.0}:
                yield f"{where} must be 0 or 1 each, as {scored.metric} is"
            elif scored.agreement and scored.scores and len(scored.agreement) != len(scored.scores):
                yield f"{where} are {len(scored.scores)}, and {len(scored.agreement)} agreements beside them"


def _evidence(study: Study) -> Iterator[str]:
    for candidate in study.candidates:
        try:
            for name, values in candidate.probes.items():
                check_probe(name, values)
            for step in candidate.steps:
                check_notes(step.notes)
        except msgspec.ValidationError as error:
            yield f"what is known of {candidate.name!r} can't be used: {error}"
