"""A study's folder while its work goes on: what an earlier start knew is never lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from thimble.core.study import Study, read_study, write_study
from thimble.study.folder import Folder
from thimble.study.ownership import claim
from thimble.study.question import Question

STORED = Path(__file__).parents[1] / "stored" / "lab.json"
EARLIER = read_study(STORED)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """The folder of a complete study, claimed by a second start that asks the same."""
    with claim(tmp_path, Question.of(EARLIER, "source")):
        write_study(EARLIER, tmp_path)
    with claim(tmp_path, Question.of(EARLIER, "source")) as again:
        yield Folder(again)


def known(count: int) -> Study:
    """The same study when only the first ``count`` candidates were tried."""
    blank = tuple(replace(c, status="not tried", reason="", quality={}, size=None) for c in EARLIER.candidates[count:])
    return replace(EARLIER, candidates=(*EARLIER.candidates[:count], *blank), complete=False, chosen=None, runs=(), joint_run=None)


def test_a_new_start_that_knows_less_leaves_the_earlier_study(folder: Folder) -> None:
    for count in (0, 1, 2):
        folder.save(known(count))
        assert read_study(folder.path) == EARLIER
    assert folder.finish(known(2)) == EARLIER
    assert read_study(folder.path) == EARLIER


def test_a_new_start_that_knows_as_much_goes_on_in_its_place(folder: Folder) -> None:
    caught_up = replace(known(len(EARLIER.candidates)), seconds=123.0)
    folder.save(caught_up)
    assert read_study(folder.path) == caught_up


def test_a_complete_study_is_kept_whatever_it_knows(folder: Folder) -> None:
    fewer = replace(known(2), complete=True)
    folder.save(fewer)
    assert read_study(folder.path) == fewer
