import io
import json
from dataclasses import replace

import msgspec
import pytest
from rich.console import Console

from thimble.decide.decision import decision_of
from thimble.report.table import Table


def shown(golden, width=None, colour=False):
    stream = io.StringIO()
    console = Console(
        file=stream, force_terminal=width is not None, width=width or 80, color_system="truecolor" if colour else None, legacy_windows=False
    )
    Table().print(golden.study, golden.summary, console)
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140, 220])
def test_fits_the_window(golden, width):
    assert max(len(line) for line in shown(golden, width).splitlines()) <= width


def test_widens_with_the_window(golden_named):
    heads = [shown(golden_named("lab"), width).splitlines()[0].split() for width in (60, 80, 140, 320)]
    assert [len(head) for head in heads] == sorted({len(head) for head in heads})
    assert heads[1] == ["candidate", "MB", "ms", "faster", "accuracy", "drop"]
    assert "recipe" in heads[3]


def test_pipe_gets_whole_names_and_no_escape_codes(golden_named):
    for name in ("lab", "long-names"):
        golden = golden_named(name)
        text = shown(golden)
        assert "\x1b" not in text
        assert all(row.name in text for row in golden.summary.rows)


def test_markup_and_escape_codes_in_names_are_shown_not_obeyed(golden_named):
    text = shown(golden_named("long-names"), 200, colour=True)
    assert "[red]" in text
    assert "\x1b[31m" not in text


def test_chosen_one_is_pointed_at(golden_named):
    golden = golden_named("lab")
    assert [line.split()[1] for line in shown(golden, 120).splitlines() if line.startswith(">")] == [golden.summary.chosen]


def test_failed_ones_come_with_their_reasons(golden_named):
    golden = golden_named("failures")
    for row in golden.summary.rows:
        assert f"{row.name}  {row.status}: {row.reason}" in shown(golden)


@pytest.mark.parametrize("width", [None, 80, 200])
def test_a_failed_one_has_one_line_of_a_hundred_characters(golden_named, width):
    golden = golden_named("failures")
    first, *rest = golden.summary.rows
    long = replace(first, reason="the converter ended with signal 11: " + "operator after operator, " * 20)
    text = shown(replace(golden, summary=replace(golden.summary, rows=(long, *rest))), width)
    line = next(line for line in text.splitlines() if line.startswith(first.name))
    assert line.startswith(f"{first.name}  failed: the converter ended with signal 11:")
    assert line.endswith(" ...")
    assert len(line) <= min(width or 100, 100)


def test_json_holds_every_figure(golden):
    data = json.loads(msgspec.json.encode(decision_of(golden.study)))
    assert [row["name"] for row in data["rows"]] == [row.name for row in golden.summary.rows]
    for row, given in zip(data["rows"], golden.summary.rows, strict=True):
        assert row["size_mb"] == given.size_mb
        assert (row["speedup"] or {}).get("low") == (given.speedup.low if given.speedup else None)
    assert data["recommendation"] == golden.summary.recommendation


def test_nothing_tried(golden_named):
    golden = golden_named("one")
    assert "No candidate was tried." in shown(replace(golden, summary=replace(golden.summary, rows=(), recommendation="")))
