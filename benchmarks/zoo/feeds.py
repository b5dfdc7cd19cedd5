"""Inputs for the zoo's files: crops of photographs, sounds, bytes of real files; plain noise is nothing that a network was made for."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
from files import Shipped

MOST_BYTES = 400_000_000


def written(one: Shipped, inputs: list[tuple[str, tuple[int | None, ...], str]], path: Path) -> Path:
    """Write ``x_NAME`` for every input that ``--set`` doesn't give; inputs are names, shapes and types of NumPy."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, shape, dtype in inputs:
        if name in one.values:
            continue
        sized = [size or other for size, other in zip(shape, one.sizes.get(name, (1,) * len(shape)), strict=True)][1:]
        arrays[f"x_{name}" if len(inputs) - len(one.values) > 1 else "x"] = _made(one, sized, dtype, rng)
    np.savez(path, **arrays)
    return path


def _made(one: Shipped, sizes: list[int], dtype: str, rng: Any) -> Any:
    count = one.samples
    if one.feed == "bytes":
        return _bytes(count, sizes[0]).astype(dtype)
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0, 2, (count, *sizes)).astype(dtype)
    if len(sizes) == 3 and (sizes[0] in (1, 3) or sizes[2] in (1, 3)) and one.feed in ("image", "centred", "pixels"):
        return _images(count, sizes, one.feed, rng).astype(dtype)
    if one.feed == "audio":
        return _sounds(count, int(np.prod(sizes)), rng).reshape(count, *sizes).astype(dtype)
    smooth = rng.normal(0, 1, (count, *sizes))
    return (0.7 * smooth + 0.7 * np.roll(smooth, 1, axis=1)).astype(dtype)


def _images(count: int, sizes: list[int], feed: str, rng: Any) -> Any:
    """Crops of scikit-learn's two photographs, at random places and scales."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    first = sizes[0] in (1, 3)
    channels, height, width = sizes if first else (sizes[2], *sizes[:2])
    photographs, made = load_sample_images().images, []
    for i in range(count):
        whole = photographs[i % 2]
        side = int(rng.integers(80, min(whole.shape[:2])))
        wide = min(whole.shape[1], side * width // height) if width > height else side
        top, left = int(rng.integers(0, whole.shape[0] - side + 1)), int(rng.integers(0, whole.shape[1] - wide + 1))
        crop = Image.fromarray(whole[top : top + side, left : left + wide]).resize((width, height))
        made.append(np.asarray(crop if channels == 3 else crop.convert("L")).reshape(height, width, channels))
    pixels = np.stack(made).astype("f4")
    scaled = {"image": pixels / 255, "centred": pixels / 127.5 - 1, "pixels": pixels}[feed]
    return np.moveaxis(scaled, 3, 1) if first else scaled


def _sounds(count: int, length: int, rng: Any) -> Any:
    """Vowel-like sounds: a few harmonics of a gliding pitch under an envelope, with a little noise; some are silence."""
    t = np.arange(length) / 16000
    made = []
    for i in range(count):
        pitch = rng.uniform(90, 260) * (1 + rng.uniform(-0.2, 0.2) * t / t[-1])
        phase = 2 * np.pi * np.cumsum(pitch) / 16000
        voice = sum(np.sin(k * phase) * rng.uniform(0.1, 1) / k for k in range(1, 9))
        loud = 0.0 if i % 5 == 4 else rng.uniform(0.05, 0.3)
        made.append(loud * voice * np.hanning(length + 2)[1:-1] ** 0.3 + rng.normal(0, 0.005, length))
    return np.stack(made)


def _bytes(count: int, length: int) -> Any:
    """The beginnings of files of the standard library and of installed packages, as Magika takes them: 256 fills up."""
    root = Path(sysconfig.get_paths()["stdlib"])
    paths = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix and path.stat().st_size > 500)
    picked = [paths[i * len(paths) // count] for i in range(count)]
    made = np.full((count, length), 256, np.int64)
    for row, path in zip(made, picked, strict=True):
        with path.open("rb") as stream:
            content = np.frombuffer(stream.read(length), np.uint8)
        row[: len(content)] = content
    return made
