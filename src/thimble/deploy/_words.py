"""The text that lies in a bundle: its README."""

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
        *_figures(manifest),
        f"Made on {manifest.made_on['processor']} ({manifest.made_on['system']}); times on another machine are others.",
    ]
    if manifest.forced:
        lines += ["", f"**Bundled against the study's verdict:** {manifest.forced}"]
    lines += ["", *(f"Licence of the {what}: {text}." for what, text in sorted(manifest.licences.items()))]
    return "\n".join(lines).rstrip() + "\n"


def _figures(manifest: Manifest) -> list[str]:
    rows = [(name, value) for name, value in manifest.figures.items() if isinstance(value, str)]
    return ["| figure | value |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows), ""] if rows else []
