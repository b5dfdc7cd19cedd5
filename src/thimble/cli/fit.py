"""``thimble fit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from thimble.api.request import Fit
from thimble.cli._json import Command, Form, json_option
from thimble.cli._options import Directory, log_option, options, stated
from thimble.cli._say import say_aside

OUT = Path("runs/fit")


@click.command("fit", cls=Command)
@options(Fit, required=False)
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Read options from a study.toml; options given here override it."
)
@click.option("--print-config", is_flag=True, help="Print the options as a study.toml, and exit.")
@click.option("--out", type=Directory(), metavar="DIR", help=f"Folder of the results.  [default: {OUT}]")
@log_option
@json_option(raw=True)
def command(config: Path | None, print_config: bool, log: tuple[str, ...], as_json: Form | None, **given: Any) -> None:
    """Find the best form of MODEL to ship within your limits.

    MODEL is torchvision:NAME, timm:NAME, file.py:function, a .onnx file or a .pt2 archive. One candidate is chosen on the
    validation split and confirmed once on the test split. Exit codes: 0 the chosen candidate is proven to meet the limits;
    3 no candidate is.

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
    from thimble.study.folder import check_trackers, log_study

    stated_here = stated(given)
    values = {**(read_values(config) if config else {}), **stated_here}
    if print_config:
        click.echo(text_of({**values, **({"out": str(values["out"])} if "out" in values else {})}, Path()), nl=False)
        return
    out = Path(values.pop("out", OUT))
    asked = fit_of(values, None if stated_here.get("model") else str(config) if config else None)
    check_trackers(log)
    try:
        with Show() as show:
            study = fit(asked, out, show)
    except KeyboardInterrupt:
        show_known(out, as_json)
        raise
    show_results(study, out, as_json, reasons=True)
    say_aside(*log_study(study, out, log))
    confirmed(study)
