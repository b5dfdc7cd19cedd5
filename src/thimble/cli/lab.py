"""``thimble lab``."""

from __future__ import annotations

from pathlib import Path

import click


def numbers(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """``0.5,0.5,0.5`` → a tuple of floats."""
    if value is None:
        return None
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 0.485,0.456,0.406") from error


@click.command("lab")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/lab"), show_default=True, help="Folder of the results.")
@click.option("--data", default="digits", show_default=True, metavar="SPEC", help="digits, imagefolder:DIR, imagenette, npz:FILE, ...")
@click.option("--weights", metavar="SPEC", help="imagenet, or the file of a state dict. Without it the network is trained.")
@click.option("--model", default="torchvision:resnet18", show_default=True, metavar="SPEC", help="The network.")
@click.option(
    "--image-size", "--size", "image_size", type=click.IntRange(8, 4096), help="Pixels each way; 64 where the network is trained here."
)
@click.option("--mean", callback=numbers, metavar="R,G,B", help="Mean of each channel, of values from 0 to 1.")
@click.option("--std", callback=numbers, metavar="R,G,B", help="Standard deviation of each channel.")
@click.option("--threads", type=click.IntRange(1), help="Threads for every candidate; default: the cores at hand.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of splits, training and measuring order.")
@click.option("--opset", type=click.IntRange(7), help="ONNX operator set; default: the exporter's own.")
@click.option("--only", metavar="NAME,...", help="Some candidates by name; 'traps' adds the naive ones that the lab's page explains.")
@click.option("--quick", is_flag=True, help="Five candidates and less training: a first look.")
@click.option("--max-drop", type=click.FloatRange(0), default=2.0, show_default=True, help="Accuracy that may be lost, in points.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of the table.")
def command(out: Path, as_json: bool, only: str | None, **options: object) -> None:
    """Take a network through every technique, measure each result, and say which one to ship.

    Without options: ResNet-18 on the handwritten digits that come with scikit-learn, offline. A second run takes
    finished work from the store, and a run that was cut off goes on.

    On a connected machine, the pretrained study: thimble lab --weights imagenet --data imagenette --image-size 224
    """
    from thimble.api.lab import Lab, lab
    from thimble.cli._progress import Show
    from thimble.cli._results import show_results

    chosen = tuple(name.strip() for name in only.split(",") if name.strip()) if only else ()
    lab_options = Lab(only=chosen, **options)  # type: ignore[arg-type]
    with Show() as show:
        study = lab(lab_options, out, show)
    show_results(study, out, as_json)
