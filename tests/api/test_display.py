"""What notebooks show: figures of the summary, and no text that a browser would take for markup."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import thimble
from thimble.core.study import Finding, Study, read_study

STORED = Path(__file__).parents[1] / "stored"
HOSTILE = "<script>alert(1)</script>"


class Tags(HTMLParser):
    """Collects the names of all elements, and checks that each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def study() -> Study:
    return read_study(STORED / "measured-lab.json")


def test_a_study_shows_its_recommendation_and_each_candidate(study: Study) -> None:
    page = study._repr_html_()
    summary = thimble.summarize(study)
    assert summary.recommendation in page
    assert f"<b>{study.chosen}</b>" in page
    assert all(candidate.name in page for candidate in study.candidates)
    assert page.count("<tr>") == len(study.candidates) + 1
    assert Tags(page).open == []
    assert summary._repr_html_() in page.replace("<th>accuracy (%)</th>", "<th>quality</th>")


@pytest.mark.parametrize("name", ["failures", "no-latency", "no-accuracy", "one"])
def test_what_was_not_measured_is_shown_too(name: str) -> None:
    study = read_study(STORED / f"{name}.json")
    page = study._repr_html_()
    assert all(candidate.name in page for candidate in study.candidates)
    assert all(Tags(candidate._repr_html_()).open == [] for candidate in study.candidates)


def test_texts_of_strangers_are_escaped(study: Study) -> None:
    finding = Finding("slower", HOSTILE, {"layer": '" onmouseover="x'})
    worst = replace(study.candidates[0], name=HOSTILE, recipe=HOSTILE, reason=HOSTILE, findings=(finding,))
    shown = [replace(study, name=HOSTILE, model=HOSTILE, candidates=(worst,), runs=(), chosen=None), worst, finding]
    for value in shown:
        page = value._repr_html_()
        assert "script" not in Tags(page).names
        assert "&lt;script&gt;" in page
        assert ' onmouseover="' not in page
