"""``thimble check``: exit codes and summaries, without a measurement."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from thimble.api import check as api
from thimble.api.check import Checks
from thimble.cli import main
from thimble.core.check import Check, Figure
from thimble.core.summary import Interval
from thimble.core.verdict import Proof

MET = Figure("size", Interval(0.0, 0.0, 0.0), " %", 5.0, Proof.MET, "1 MB after 1 MB")
OPEN = Figure("latency", Interval(2.0, -4.0, 8.0), " %", 5.0, Proof.NOT_PROVEN)
BROKEN = Figure("quality", Interval(3.0, 2.0, 4.0), " points", 0.5, Proof.BROKEN, "accuracy")


def run(monkeypatch: pytest.MonkeyPatch, figures: tuple[Figure, ...], *words: str) -> int:
    found = Checks((Check("old<b>.onnx", "new.onnx", figures, "measured together, 25 rounds"),), ("added.onnx",))
    monkeypatch.setattr(api, "check", lambda artifacts, options, progress: found)
    with pytest.raises(SystemExit) as end:
        main(["check", "new.onnx", "--against", "old.onnx", *words])
    return int(end.value.code or 0)


@pytest.mark.parametrize(
    ("figures", "words", "code"),
    [
        ((MET,), (), 0),
        ((MET, OPEN), (), 0),
        ((MET, OPEN), ("--strict",), 3),
        ((MET, OPEN, BROKEN), (), 4),
        ((MET, OPEN, BROKEN), ("--strict",), 4),
    ],
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, figures: tuple[Figure, ...], words: tuple[str, ...], code: int) -> None:
    assert run(monkeypatch, figures, *words) == code


def test_junit_and_markdown_say_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = tmp_path / "check.xml", tmp_path / "check.md"
    assert run(monkeypatch, (MET, OPEN, BROKEN), "--junit", str(files[0]), "--markdown", str(files[1])) == 4
    suite = ElementTree.parse(files[0]).getroot()
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped")} == {"tests": "4", "failures": "1", "skipped": "2"}
    assert suite.find("testcase[@name='quality']/failure").get("message") == (
        "quality: 3.00 points (2.00 to 4.00), limit 0.50 points: broken (accuracy)"
    )
    page = files[1].read_text()
    assert "❌ quality broken" in page
    assert "| latency | +2.0 % (-4.0 to +8.0) | +5.0 % | ❔ not proven |" in page
    assert "old&lt;b&gt;" in page or r"old\<b\>" in page
    run(monkeypatch, (OPEN,), "--junit", str(files[0]), "--strict")
    assert ElementTree.parse(files[0]).getroot().get("failures") == "1"
