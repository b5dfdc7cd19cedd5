"""``thimble check``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from thimble.api.request import Check
from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._options import Directory, options, request_of
from thimble.cli._say import say, say_aside
from thimble.cli.measure import whole_or_nothing
from thimble.core.verdict import Proof


@click.command("check", cls=Command)
@click.argument("artifacts", nargs=-1, required=True, metavar="ARTIFACT...")
@options(Check)
@click.option("--strict", is_flag=True, help="Exit with code 3 if a limit is not proven to be met.")
@click.option("--junit", type=Directory(), metavar="FILE", help="Write JUnit XML with a test case for each limit.")
@click.option("--markdown", type=Directory(), metavar="FILE", help="Write a Markdown summary, e.g. for a pull request.")
@json_option()
def command(
    artifacts: tuple[str, ...], strict: bool, junit: Path | None, markdown: Path | None, as_json: Form | None, **given: Any
) -> None:
    """Check that ARTIFACT is no worse than its old version.

    Both versions are measured in the same rounds, so the speed of the CI runner doesn't matter. Exit codes: 0 no limit is
    proven broken; 4 a limit is proven broken; 3, with --strict, a limit is not proven to be met.

    \b
    thimble check model.onnx --against git:origin/main --max-slowdown 5%
    thimble check model.onnx --against main/study.json --data imagefolder:photos --max-drop 0.5
    """
    from thimble.api.check import check
    from thimble.cli._progress import Show
    from thimble.core.errors import LimitsNotMet, Regression
    from thimble.report._check import lines, said, write_junit, write_markdown
    from thimble.study.telling import Event

    asked = request_of(Check, given)
    with whole_or_nothing(), Show() as show:
        found = check(artifacts, asked, lambda done, words: show(Event(done, words)))
    if as_json:
        say_answer("check", found)
    else:
        say(*(text for one in found.checks for text in lines(one)), *(f"{name} is new: nothing to compare it with" for name in found.added))
        say_aside(*(f"warning: {advice.text}" for one in found.checks for advice in one.warnings))
    if junit is not None:
        write_junit(found.checks, found.added, junit, strict)
    if markdown is not None:
        write_markdown(found.checks, found.added, markdown)
    if found.proof == Proof.BROKEN:
        raise Regression("; ".join(f"{one.new}: {fig.name} {said(fig)}" for one in found.checks for fig in one.broken))
    if strict and found.proof == Proof.NOT_PROVEN:
        raise LimitsNotMet("; ".join(f"{one.new}: {fig.name} {said(fig)}" for one in found.checks for fig in one.open))
