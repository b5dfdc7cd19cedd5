"""The words of statuses and verdicts stand once, and are the same texts in files as ever."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import thimble
from thimble.core.study import Candidate, read_study
from thimble.core.verdict import Changed, Proof, Speed, Status

STORED = Path(__file__).parents[1] / "stored"
PACKAGE = Path(thimble.__file__).parent
ROOMS = ("api", "cli", "decide", "engine", "report", "search", "stats", "study")
WORDS = "|".join(word for kind in (Status, Proof, Speed, Changed) for word in kind if word)


def test_the_words_in_files_are_what_they_were() -> None:
    assert [*Status] == ["ok", "not applicable", "failed", "not tried", "given up"]
    assert [*Proof] == ["met", "broken", "not proven"]
    assert [*Speed] == ["faster", "slower", "no proven difference"]
    assert [*Changed] == ["better", "worse", "no proven change", "not comparable", ""]
    for status in Status:
        written = msgspec.json.encode(Candidate("a", "", "pytorch", status=status))
        assert f'"status":"{status}"'.encode() in written
        assert msgspec.json.decode(written, type=Candidate).status is status


def test_the_older_word_for_given_up_is_read() -> None:
    assert (
        msgspec.json.decode(b'{"name": "a", "recipe": "", "runtime": "pytorch", "status": "dropped"}', type=Candidate).status
        is Status.GIVEN_UP
    )


@pytest.mark.parametrize("path", sorted(STORED.glob("*.json")), ids=lambda path: path.stem)
def test_stored_studies_are_read_with_them(path: Path) -> None:
    assert all(isinstance(candidate.status, Status) for candidate in read_study(path).candidates)


@pytest.mark.parametrize("room", ROOMS)
def test_no_other_place_spells_them(room: str) -> None:
    spelled = re.compile(rf'(==|!=|status=|in \() ?"({WORDS})"|return "({WORDS})"')
    strays = [f"{path.name}: {found[0]}" for path in (PACKAGE / room).rglob("*.py") for found in spelled.finditer(path.read_text("utf-8"))]
    assert strays == []
