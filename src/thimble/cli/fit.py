"""``thimble fit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from thimble.api.options import GOALS, OPTIONS
from thimble.cli.lab import numbers
from thimble.cli.measure import seconds, shapes, values

OUT = Path("runs/fit")


def says(name: str) -> str:
    """An option's help, which the comments of ``study.toml`` say too."""
    return OPTIONS[name].help


@click.command("fit")
@click.argument("model", required=False)
@click.option("--data", metavar="SPEC", help=says("data"))
@click.option("--max-drop", type=float, metavar="POINTS", help=says("max_drop"))
@click.option("--max-size", type=float, metavar="MB", help=says("max_size"))
@click.option("--max-latency", type=float, metavar="MS", help=says("max_latency"))
@click.option("--max-memory", type=float, metavar="MB", help=says("max_memory"))
@click.option("--minimize", type=click.Choice(GOALS), help="What to make as small as possible.  [default: latency]")
@click.option("--budget", callback=seconds, metavar="TIME", help=says("budget"))
@click.option("--weights", metavar="FILE", help=says("weights"))
@click.option("--student", metavar="MODEL", help=says("student"))
@click.option("--size", type=int, metavar="PIXELS", help=says("size"))
@click.option("--mean", callback=numbers, metavar="R,G,B", help=says("mean"))
@click.option("--std", callback=numbers, metavar="R,G,B", help=says("std"))
@click.option("--input-shape", "shapes", multiple=True, callback=shapes, metavar="NAME=1,3,224,224", help=says("shapes"))
@click.option("--set", "values", multiple=True, callback=values, metavar="NAME=NUMBER", help=says("values"))
@click.option("--threads", type=int, metavar="N", help=says("threads"))
@click.option("--seed", type=int, metavar="N", help=says("seed") + "  [default: 0]")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="A study.toml; what is given here wins over it.")
@click.option("--print-config", is_flag=True, help="Print what was given as a study.toml, and do nothing else.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help=f"{says('out')}  [default: {OUT}]")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of the table.")
def command(config: Path | None, print_config: bool, as_json: bool, **given: Any) -> None:
    """Find what to ship of MODEL under limits: try what applies, measure it, choose, and confirm the choice.

    MODEL is torchvision:NAME, timm:NAME, file.py:function, a .onnx file or a .pt2 archive. Candidates are chosen on the
    validation split; the test split is opened once, for the one that was chosen. Exit code 0: it is proven to meet the
    limits. 3: none is.

    \b
    thimble fit torchvision:resnet18 --weights best.pt --data imagefolder:photos --max-drop 1
    thimble fit net.py:network --data npz:sensors.npz --max-size 0.5 --minimize size --budget 10m
    thimble fit model.onnx --data file.py:task --max-latency 20 --print-config > study.toml
    thimble fit --config study.toml --threads 1
    """
    from thimble.api.config import fit_of, read_values, text_of
    from thimble.api.fit import confirmed, fit
    from thimble.cli._progress import Show
    from thimble.cli._results import show_known, show_results

    stated = {name: value for name, value in given.items() if value not in (None, {})}
    values = {**(read_values(config) if config else {}), **stated}
    if print_config:
        click.echo(text_of({**values, **({"out": str(values["out"])} if "out" in values else {})}, Path()), nl=False)
        return
    out = Path(values.pop("out", OUT))
    options = fit_of(values, None if stated.get("model") else str(config) if config else None)
    try:
        with Show() as show:
            study = fit(options, out, show)
    except KeyboardInterrupt:
        show_known(out, as_json)
        raise
    show_results(study, out, as_json, reasons=True)
    confirmed(study)
