"""``thimble compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from thimble.cli.measure import measuring, measuring_options

if TYPE_CHECKING:
    from thimble.base.study import Study
    from thimble.comparing import Change, Comparison


@click.command("compare")
@click.argument("things", nargs=-1, required=True, metavar="A B")
@measuring_options
@click.option("--fail-on-regression", is_flag=True, help="Exit with code 4 where the later is proven slower, larger or less accurate.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(things: tuple[str, ...], fail_on_regression: bool, as_json: bool, **options: Any) -> None:
    """Compare two artifacts, two saved measurements, or two studies and more.

    Artifacts are measured together, now; B against A: faster, slower, or no proven difference. A saved measurement is
    DIR:NAME of a candidate in DIR/study.json. Folders of studies are set side by side, each after the first against
    it: speeds by their ratios to each study's own baseline, never in milliseconds.
    """
    from thimble.measuring import saved_study

    if len(things) < 2:
        raise click.UsageError("compare needs two things at least")
    studies = [saved_study(thing) for thing in things]
    several = [study for study in studies if study is not None and len(study.candidates) > 1]
    if len(several) == len(things):
        _studies(things, several, as_json, fail_on_regression)
    elif len(things) == 2:
        _two(things, options, as_json, fail_on_regression)
    else:
        raise click.UsageError("more than two things are compared only where all are folders of studies")


def _two(things: tuple[str, ...], options: dict[str, Any], as_json: bool, strict: bool) -> None:
    import msgspec

    from thimble.base.errors import Regression
    from thimble.cli._progress import Show
    from thimble.measuring import compare
    from thimble.workflow import Event

    with Show() as show:
        found = compare(things[0], things[1], measuring(**options), lambda done, words: show(Event(done, words)))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
    else:
        for line in verdict_lines(found):
            click.echo(line)
    if strict and (found.verdict == "slower" or (found.drop and found.drop.low > 0)):
        raise Regression(f"{found.second} is proven {'slower' if found.verdict == 'slower' else 'less accurate'} than {found.first}")


def verdict_lines(found: Comparison) -> list[str]:
    """The verdict with its figures, in words."""
    from thimble.cli._figures import ends, middle, number

    against = f"{found.verdict} than {found.first}" if found.verdict in ("faster", "slower") else f"{found.verdict} from {found.first}"
    lines = [f"{found.second}: {against}: {middle(found.ratio)} times as fast (95 % {ends(found.ratio)}), {found.how}"]
    a, b = found.sizes_mb
    if a and b:
        lines.append(f"size: {number(a)} and {number(b)} MB, {number(b / a)} times")
    if found.drop:
        lines.append(f"quality lost: {middle(found.drop)} points (95 % {ends(found.drop)})")
    return lines


def _studies(names: tuple[str, ...], studies: list[Study], as_json: bool, strict: bool) -> None:
    import msgspec

    from thimble.base.errors import Regression
    from thimble.comparing import compare_studies, regressions

    all_changes = {name: compare_studies(studies[0], study) for name, study in zip(names[1:], studies[1:], strict=True)}
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(all_changes), indent=1).decode())
    else:
        for name, changes in all_changes.items():
            click.echo(f"{name} against {names[0]}:")
            for line in change_lines(changes) or ["  they have no candidate in common"]:
                click.echo(line)
    worse = [f"{change.candidate}: {change.figure}" for changes in all_changes.values() for change in regressions(changes)]
    if strict and worse:
        raise Regression(f"proven to have become worse: {', '.join(worse)}")


def change_lines(changes: list[Change]) -> list[str]:
    """One line for each figure of each candidate."""
    from thimble.cli._figures import ends, number

    lines = []
    for change in changes:
        said = ("worse" if change.worse else "better") if change.proven else "no proven change"
        unit = {"speedup": "x", "size": " MB"}.get(change.figure, "")
        within = "" if change.figure == "size" else f" (95 % {ends(change.difference)})"
        what = f"{number(change.before)}{unit} to {number(change.after)}{unit}"
        lines.append(f"  {change.candidate}: {change.figure} {what}: {said}{within}")
    return lines
