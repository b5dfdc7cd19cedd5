"""``thimble fit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from thimble.cli.lab import numbers
from thimble.cli.measure import seconds, shapes


@click.command("fit")
@click.argument("model")
@click.option("--data", required=True, metavar="SPEC", help="digits, imagefolder:DIR, npz:FILE, cifar10:DIR, file.py:function.")
@click.option("--max-drop", type=float, metavar="POINTS", help="The most that may be lost, in points of the metric.")
@click.option("--max-size", type=float, metavar="MB", help="The most that may be shipped (MB is 10^6 bytes).")
@click.option("--max-latency", type=float, metavar="MS", help="The longest median latency.")
@click.option("--max-memory", type=float, metavar="MB", help="The most peak memory above the empty runtime's.")
@click.option("--minimize", type=click.Choice(["latency", "size", "memory"]), default="latency", show_default=True)
@click.option("--budget", callback=seconds, metavar="TIME", help="Such as 10m or 90s; default: until everything is tried.")
@click.option("--weights", metavar="FILE", help="A state dict's file, or imagenet.")
@click.option("--student", metavar="MODEL", help="A smaller network to teach, such as torchvision:mobilenet_v2.")
@click.option("--size", type=click.IntRange(8, 4096), help="Pixels each way.")
@click.option("--mean", callback=numbers, metavar="R,G,B", help="Mean of each channel, of values from 0 to 1.")
@click.option("--std", callback=numbers, metavar="R,G,B", help="Standard deviation of each channel.")
@click.option("--input-shape", "shapes", multiple=True, callback=shapes, metavar="NAME=1,3,224,224", help="What a file leaves open.")
@click.option("--threads", type=click.IntRange(1), help="Threads for every candidate; default: the cores at hand.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/fit"), show_default=True, help="Folder of the results.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of the table.")
def command(out: Path, as_json: bool, **given: Any) -> None:
    """Find what to ship of MODEL under limits: try what applies, measure it, choose, and confirm the choice.

    MODEL is torchvision:NAME, timm:NAME, file.py:function, a .onnx file or a .pt2 archive. Candidates are chosen on the
    validation split; the test split is opened once, for the one that was chosen. Exit code 0: it is proven to meet the
    limits. 3: none is.
    """
    from thimble._fit import Fit, confirmed, fit
    from thimble.base.study import Limits
    from thimble.cli._progress import Show
    from thimble.cli._results import show_results

    limits = Limits(**{name: given.pop(name) for name in ("max_drop", "max_size", "max_latency", "max_memory", "minimize")})
    options = Fit(limits=limits, **{**given, "shapes": given["shapes"] or None})
    with Show() as show:
        study = fit(options, out, show)
    show_results(study, out, as_json)
    confirmed(study)
