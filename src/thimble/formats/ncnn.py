"""ncnn's files: layers as text in ``.param``, weights in ``.bin``."""

from __future__ import annotations

from pathlib import Path

from thimble.core.values import TensorSpec
from thimble.formats import Ends

TITLE = "ncnn's files"
SUFFIXES = (".param",)
BESIDE = (".bin",)

MAGIC = "7767517"


def holds(path: Path) -> bool:
    """Return whether a ``.param`` file is ncnn's: its first line is a number that says so."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline(20).strip() == MAGIC
    except (OSError, UnicodeDecodeError):
        return False


def ends(path: Path) -> Ends:
    """Blobs that no layer takes are outputs. An input's sizes stand in its layer where the converter wrote them."""
    inputs, made, taken = [], [], set()
    for line in path.read_text(encoding="utf-8").splitlines()[2:]:
        words = line.split()
        if len(words) < 4:
            continue
        kind, _, bottoms, tops, *rest = words
        blobs, settings = rest[: int(bottoms) + int(tops)], rest[int(bottoms) + int(tops) :]
        taken.update(blobs[: int(bottoms)])
        made += blobs[int(bottoms) :]
        if kind == "Input":
            inputs.append(TensorSpec(blobs[-1], _shape(settings)))
    unshaped = tuple(one.name for one in inputs if not one.shape)
    return Ends(tuple(inputs), tuple(blob for blob in made if blob not in taken), unshaped)


def _shape(settings: list[str]) -> tuple[int | None, ...]:
    """Channels, height and width, ncnn's own order being the other way round; nothing where the file doesn't tell."""
    sizes = {key: int(value) for key, value in (one.split("=") for one in settings) if value.isdigit()}
    known = [sizes[key] for key in ("2", "1", "0") if sizes.get(key)]
    return (None, *known) if known else ()
