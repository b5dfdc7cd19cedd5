import io
import json
import re

import msgspec
import pytest
from rich.console import Console

from thimble.core.comparison import Change, Comparison, Side
from thimble.core.summary import Interval
from thimble.report import SideBySide

NAUGHTY = "<script>alert(1)</script>|`x`"


@pytest.fixture
def comparison():
    sides = (Side("last week", "torchvision:resnet18", "digits", "AMD EPYC-Milan", 2, "baseline", "2026-11-16T10:00:00Z"),
             Side("today", "torchvision:resnet18", "digits", "Cortex-A72", 1, "baseline", "2026-11-23T10:00:00Z"))  # fmt: skip
    changes = (
        Change("onnx-int8-static", "speedup", "x", (Interval(4.17, 4.12, 4.21), Interval(3.0, 2.9, 3.1)), ("", "worse")),
        Change("onnx-int8-static", "size", "MB", (Interval(11.28, 11.28, 11.28), Interval(5.6, 5.6, 5.6)), ("", "better")),
        Change("onnx-int8-static", "quality", "%", (Interval(98.67, 97.5, 99.3), Interval(98.5, 97.3, 99.2)), ("", "no proven change")),
        Change(NAUGHTY, "quality", "%", (Interval(98.67, 97.5, 99.3), None), ("", "not comparable"), ("", "not measured today")),
    )
    return Comparison(sides, changes, ("the processors differ",))


def shown(comparison, width=None):
    stream = io.StringIO()
    SideBySide().print(comparison, Console(file=stream, force_terminal=width is not None, width=width or 80, color_system=None))
    return stream.getvalue()


def test_regressions_come_first_with_both_figures(comparison):
    assert [change.measure for change in comparison.regressions] == ["speedup"]
    lines = [line.strip() for line in shown(comparison).splitlines()]
    worse = lines.index("onnx-int8-static: speedup is worse in today, 3.0x (2.9-3.1) after 4.17x (4.12-4.21).")
    better = lines.index("onnx-int8-static: size is better in today, 5.60 MB after 11.3 MB.")
    assert worse < better


def test_no_change_is_claimed_without_proof(comparison):
    text = shown(Comparison(comparison.sides, comparison.changes[2:3]))
    assert "Nothing is proven to have changed." in text
    assert "better" not in text
    assert "worse" not in text


@pytest.mark.parametrize("width", [60, 80, 140])
def test_fits_the_window(comparison, width):
    assert max(len(line.rstrip()) for line in shown(comparison, width).splitlines()) <= width


def test_markdown_and_page_escape_names(comparison, tmp_path):
    md, page = (path.read_text() for path in SideBySide().write(comparison, tmp_path))
    assert "<script>" not in re.sub(r"(`+).*?\1", "", md)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "not comparable: not measured today" in page
    assert re.search(r"\| `onnx-int8-static` \| speedup \| 4.17x .* \| \*\*worse\*\* \|", md)


def test_json_reads_back(comparison):
    data = json.loads(msgspec.json.encode(comparison))
    assert data["changes"][0]["values"][1]["value"] == 3.0
    assert data["changes"][3]["values"][1] is None


def test_page_opens_without_complaint(comparison, browser, tmp_path):
    page = SideBySide().write(comparison, tmp_path)[1]
    browser.console()
    for width in (360, 1440):
        browser.open(page, width)
        assert browser.console() == []
        assert browser.run("return document.documentElement.scrollWidth") <= width
    assert len(browser.texts("#table tbody tr")) == 4
