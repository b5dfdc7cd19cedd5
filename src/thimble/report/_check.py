"""Checks as lines for a terminal, as Markdown for a pull request, and as JUnit's XML for a build server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from thimble.core.check import Check, Figure
from thimble.core.text import line, markdown, plain
from thimble.core.verdict import Proof
from thimble.report._files import write_text

SIGNS = {Proof.MET: "✅", Proof.BROKEN: "❌", Proof.NOT_PROVEN: "❔", None: ""}


def lines(check: Check) -> list[str]:
    """One line for the artifacts, one for each figure."""
    width = max((len(figure.name) for figure in check.figures), default=0)
    head = f"{plain(check.new)} against {plain(check.old)}" + (f", {check.how}" if check.how else "")
    return [head, *(f"  {figure.name:<{width}}  {said(figure)}" for figure in check.figures)]


def said(figure: Figure) -> str:
    """A figure with its limit and its verdict, in words."""
    parts = [_change(figure)]
    if figure.most is not None:
        parts.append(f"limit {_signed(figure, figure.most)}{figure.unit}: {figure.proof}")
    return ", ".join(part for part in parts if part) + (f" ({plain(figure.reason)})" if figure.reason else "")


def write_markdown(checks: Sequence[Check], added: Sequence[str], path: Path) -> Path:
    """Write a table for each artifact; raises `CannotWrite`."""
    return write_text(path, markdown_text(checks, added))


def markdown_text(checks: Sequence[Check], added: Sequence[str]) -> str:
    """The page: what is proven first, then every figure."""
    parts = ["## Thimble check"]
    for check in checks:
        parts.append(f"**{markdown(check.new)}** against {markdown(check.old)}: {_verdict(check)}")
        rows = ["| figure | change (95 % interval) | limit | |", "| --- | --- | --- | --- |"]
        for one in check.figures:
            limit = "" if one.most is None else f"{_signed(one, one.most)}{one.unit}"
            note = " ".join(part for part in (SIGNS[one.proof], str(one.proof or ""), markdown(one.reason)) if part)
            rows.append(f"| {one.name} | {_change(one)} | {limit} | {note} |")
        parts.append("\n".join(rows))
        parts += [f"Latency: {markdown(check.how)}."] if check.how else []
        parts += [f"- {markdown(advice.text)}" for advice in check.warnings]
    parts += [f"**{markdown(name)}** is new: nothing to compare it with." for name in added]
    return "\n\n".join(parts) + "\n"


def write_junit(checks: Sequence[Check], added: Sequence[str], path: Path, strict: bool = False) -> Path:
    """Write a test case for each figure that has a limit; raises `CannotWrite`.

    What is not proven is a skipped case, and a failed one where ``strict``.
    """
    suite = ElementTree.Element("testsuite", name="thimble check")
    for check in checks:
        for figure in check.figures:
            if figure.proof is not None:
                _case(suite, check, figure, strict)
    for name in added:
        case = ElementTree.SubElement(suite, "testcase", classname=line(name), name="new")
        ElementTree.SubElement(case, "skipped", message="nothing to compare it with")
    for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        suite.set(kind, str(len(list(suite.iter(tag)))))
    suite.set("errors", "0")
    ElementTree.indent(suite)
    return write_text(path, '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n")


def _case(suite: ElementTree.Element, check: Check, figure: Figure, strict: bool) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=line(check.new), name=figure.name)
    text = line(f"{figure.name}: {said(figure)}")
    if figure.proof == Proof.BROKEN or (strict and figure.proof == Proof.NOT_PROVEN):
        ElementTree.SubElement(case, "failure", message=text, type=str(figure.proof))
    elif figure.proof == Proof.NOT_PROVEN:
        ElementTree.SubElement(case, "skipped", message=text)
    else:
        ElementTree.SubElement(case, "system-out").text = text


def _verdict(check: Check) -> str:
    for proof, found in ((Proof.BROKEN, check.broken), (Proof.NOT_PROVEN, check.open)):
        if found:
            return f"{SIGNS[proof]} {', '.join(figure.name for figure in found)} {proof}"
    return f"{SIGNS[Proof.MET]} every limit is met"


def _change(figure: Figure) -> str:
    """``+2.1 % (+1.0 to +3.3)``; an exact figure without an interval."""
    change = figure.change
    if change is None:
        return "not known"
    span = f" ({_signed(figure, change.low)} to {_signed(figure, change.high)})" if change.low < change.high else ""
    return f"{_signed(figure, change.value)}{figure.unit}{span}"


def _signed(figure: Figure, value: float) -> str:
    """A growth with its sign; a drop of quality as it is, positive being a loss."""
    text = f"{value:.2f}" if figure.name == "quality" else f"{value:+.1f}"
    return text.replace("-0.00", "0.00") if float(text) == 0 else text
