"""The README of a bundle, for each target."""

from __future__ import annotations

from thimble.core.values import MB
from thimble.deploy.manifest import Manifest


def readme(manifest: Manifest) -> str:
    """Return the bundle's README: what it is, three commands, the figures and where they were taken."""
    example = manifest.golden.images[0] if manifest.golden.images else "samples.npz"
    takes = "an image" if manifest.artifact.preprocess else ".npz files with " + ", ".join(f"`{one.name}`" for one in manifest.inputs)
    size = sum(file.bytes for file in manifest.artifact.files) / MB
    lines = [
        f"# {manifest.name}",
        "",
        f"A network of {size:.3g} MB for {manifest.runtime.title} {manifest.runtime.version}, which takes {takes}.",
        f"Recipe: `{manifest.recipe or 'as given'}`.",
        "",
        "```",
        "python -m pip install -r requirements.txt    # the runtime",
        "python verify.py                             # are the files whole, and do the answers hold here? how fast is it?",
        f"python predict.py {example}",
        "```",
        "",
        "`verify.py` exits with 0, or says in one line what differs. `manifest.json` holds every file's SHA-256, the inputs and",
        f"outputs, and the figures. {manifest.golden.samples} golden samples from the {manifest.golden.split} split lie in",
        f"`{manifest.golden.file}`, with the tolerance of each output in the manifest.",
        "",
        *_end(manifest),
    ]
    return "\n".join(lines).rstrip() + "\n"


def web_readme(manifest: Manifest) -> str:
    """Return the README of a bundle for browsers."""
    size, ships = sum(file.bytes for file in manifest.artifact.files) / MB, " ".join(next(iter(manifest.ships.items()), ("", "")))
    lines = [
        f"# {manifest.name}",
        "",
        f"A network of {size:.3g} MB and a page that runs it in any browser with WebAssembly, by {ships}.",
        f"Recipe: `{manifest.recipe or 'as given'}`.",
        "",
        "```",
        "thimble serve .                       # for this machine's browser; --host for a phone in the same network",
        "thimble verify .                      # the files and the golden answers, in ONNX Runtime on this machine",
        "thimble measure --import RESULT.json  # the table of a result that the page saved",
        "```",
        "",
        "Any other server of static files will do. Without https the page works with one thread, and only with a network; with https its",
        "service worker keeps every file, and sends the headers that threads in WebAssembly need.",
        "",
        *_end(manifest),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _end(manifest: Manifest) -> list[str]:
    """Return the figures, where they were taken, and what must be known of verdict and licences."""
    lines = [
        *_figures(manifest),
        *_pixels(manifest),
        f"Made on {manifest.made_on['processor']} ({manifest.made_on['system']}); times on another machine are others.",
    ]
    if manifest.forced:
        lines += ["", f"**Bundled against the study's verdict:** {manifest.forced}"]
    return [*lines, "", *(f"Licence of the {what}: {text}." for what, text in sorted(manifest.licences.items()))]


def _pixels(manifest: Manifest) -> list[str]:
    """Return what the graph takes where preprocessing is in it, and whose figures the table holds."""
    if manifest.baked is None:
        return []
    read = manifest.baked.preprocess
    left = "resize and crop" if read.resize else "resize"
    return [
        f"Normalisation is in the graph. Its input `{manifest.baked.input}` takes 8-bit pixels in NHWC, RGB or grey; {left} before.",
        f"All 256 pixel values differ by at most {manifest.baked.normalisation_difference:.3g} from the study's preprocessing, the",
        f"golden outputs by at most {manifest.baked.output_difference:.3g}. The figures were measured without these operators.",
        "",
    ]


def _figures(manifest: Manifest) -> list[str]:
    rows = [(name, value) for name, value in manifest.figures.items() if isinstance(value, str)]
    return ["| figure | value |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows), ""] if rows else []
