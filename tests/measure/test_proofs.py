"""What the pages show of the proofs is what was recorded."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

MEASURING = Path(__file__).parents[2] / "benchmarks" / "measuring"


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return runpy.run_path(str(MEASURING / "record.py"))


def test_pages_show_the_results_that_are_kept(record: dict[str, Any]) -> None:
    shown = {found["name"]: found[0] for page in record["DOCS"].glob("*.md") for found in record["MARKED"].finditer(page.read_text())}
    kept = {file.stem: file.read_text().strip() for file in (MEASURING / "results").glob("*.md")}
    assert kept.keys() <= shown.keys()
    assert all(text in shown[name] for name, text in kept.items())


def test_a_result_takes_its_place_in_a_page(record: dict[str, Any], tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results"
    results.mkdir()
    page.write_text("before\n<!-- result: aa -->\nold\n<!-- end -->\nbetween\n<!-- result: bb -->\nkept\n<!-- end -->\nafter\n")
    (results / "aa.md").write_text("new\n")
    assert record["fill_pages"](tmp_path, results) == [page]
    assert page.read_text() == "before\n<!-- result: aa -->\nnew\n<!-- end -->\nbetween\n<!-- result: bb -->\nkept\n<!-- end -->\nafter\n"
    assert record["fill_pages"](tmp_path, results) == []
