"""``thimble compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thimble.api.request import Compare
from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._options import options, request_of
from thimble.cli._say import say, say_aside
from thimble.cli.measure import whole_or_nothing
from thimble.core.verdict import Speed

if TYPE_CHECKING:
    from thimble.core.study import Study
    from thimble.decide.compare import Verdict


@click.command("compare", cls=Command)
@click.argument("things", nargs=-1, required=True, metavar="A B")
@options(Compare)
@click.option(
    "--fail-on-regression", is_flag=True, help="Exit with code 4 if a later artifact or study is proven slower, larger or less accurate."
)
@json_option()
def command(things: tuple[str, ...], fail_on_regression: bool, as_json: Form | None, **given: Any) -> None:
    """Compare two artifacts, saved measurements, or studies.

    Two artifacts are measured together now. The answer says whether B is faster or slower than A, or no difference is
    proven. A saved measurement is DIR:NAME, a candidate in DIR/study.json. Two or more folders of studies are compared with
    the first one, by ratios to each study's own baseline, never in milliseconds; --out DIR writes the comparison as pages.
    """
    from thimble.api.measure import saved_study

    if len(things) < 2:
        raise click.UsageError("give at least two artifacts or studies")
    asked = request_of(Compare, given)
    studies = [saved_study(thing) for thing in things]
    several = [study for study in studies if study is not None and len(study.candidates) > 1]
    if len(several) == len(things):
        _studies(things, several, asked.out, as_json, fail_on_regression)
    elif len(things) == 2:
        _two(things, asked, as_json, fail_on_regression)
    else:
        raise click.UsageError("to compare more than two, give folders of studies")


def _two(things: tuple[str, ...], asked: Compare, as_json: Form | None, strict: bool) -> None:

    from thimble.api.measure import compare
    from thimble.cli._figures import show_warnings
    from thimble.cli._progress import Show
    from thimble.core.errors import Regression
    from thimble.study.telling import Event

    with whole_or_nothing(), Show() as show:
        found = compare(things[0], things[1], asked, lambda done, words: show(Event(done, words)))
    if as_json:
        say_answer("comparison", found)
    else:
        for line in verdict_lines(found):
            say(line)
        show_warnings(found.warnings)
    if strict and found.worse:
        raise Regression(f"{found.second} is proven {' and '.join(found.worse)} than {found.first}")


def verdict_lines(found: Verdict) -> list[str]:
    """The verdict with its figures, in words."""
    from thimble.cli._figures import ends, middle, number

    against = (
        f"{found.verdict} than {found.first}" if found.verdict in (Speed.FASTER, Speed.SLOWER) else f"{found.verdict} from {found.first}"
    )
    lines = [f"{found.second}: {against}: {middle(found.ratio)} times as fast (95 % {ends(found.ratio)}), {found.how}"]
    a, b = found.sizes_mb
    if a and b:
        lines.append(f"size: {number(a)} and {number(b)} MB, {number(b / a)} times")
    if found.drop:
        lines.append(f"quality lost: {middle(found.drop)} points (95 % {ends(found.drop)})")
    return lines


def _studies(names: tuple[str, ...], studies: list[Study], out: Path | str | None, as_json: Form | None, strict: bool) -> None:
    from rich.console import Console

    from thimble.core.errors import Regression
    from thimble.decide.compare import compare_studies
    from thimble.report._comparison import SideBySide

    found = compare_studies(studies, labels(names))
    if as_json:
        say_answer("studies", found)
    else:
        SideBySide().print(found, Console())
    if out is not None:
        out = Path(out)
        out.mkdir(parents=True, exist_ok=True)
        written = SideBySide().write(found, out)
        say_aside(f"Written: {', '.join(map(str, written))}.")
    if strict and found.regressions:
        worse = ", ".join(f"{change.candidate} in {change.measure}" for change in found.regressions)
        raise Regression(f"proven to have become worse: {worse}")


def labels(names: tuple[str, ...]) -> tuple[str, ...]:
    """Each study's folder by as much of its path's end as tells it from the others."""
    paths = [Path(name).resolve() for name in names]
    parts = [(path.parent if path.name == "study.json" else path).parts for path in paths]
    for length in range(1, max(map(len, parts))):
        short = tuple("/".join(part[-length:]) for part in parts)
        if len(set(short)) == len(short):
            return short
    return names
