"""The doors of Thimble behind a pipe: each request names a door and what comes to it, and is answered by what came of it.

It runs as a script: ``python child.py FOLDER``, with at most 2 GB for its data.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from thimble.core.errors import ThimbleError

MOST_BYTES = 2_000_000_000


def study(folder: Path, content: str) -> None:
    """A study.json, then every report of it."""
    from thimble.core.study import read_study
    from thimble.decide.summarize import summarize
    from thimble.report.csv import Csv
    from thimble.report.markdown import Markdown

    (folder / "study.json").write_text(content)
    found = read_study(folder)
    summary = summarize(found)
    for report in (Csv, Markdown):
        report().write(found, summary, folder)


def manifest(folder: Path, content: str) -> None:
    """An artifact.json."""
    from thimble.core.artifact import read_manifest
    from thimble.formats import check_main

    (folder / "artifact.json").write_text(content)
    check_main(read_manifest(folder), folder)


def config(folder: Path, content: str) -> None:
    """A study.toml."""
    from thimble.api.config import fit_of, read_values

    (folder / "study.toml").write_text(content, encoding="utf-8", errors="surrogateescape")
    fit_of(read_values(folder / "study.toml"))


def recipe(folder: Path, content: str) -> None:
    """A recipe's text."""
    from thimble.core.recipe import parse_recipe

    parse_recipe(content)


def name(folder: Path, content: str) -> None:
    """What a user names: a model, an artifact, a saved measurement."""
    from thimble.api.measure import saved_measurement
    from thimble.models import source_name

    saved_measurement(content)
    source_name(content)


def data(folder: Path, content: str) -> None:
    """A data set's specification; ``%`` stands for a folder that is there."""
    from thimble.core.task import TaskSpec
    from thimble.data import open_task

    open_task(TaskSpec(content.replace("%", str(folder)), 16))


def files(folder: Path, content: dict[str, str], spec: str) -> None:
    """A data set of files whose bytes are given in hexadecimal."""
    for path, text in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(bytes.fromhex(text))
    data(folder, spec)


def model(folder: Path, content: str, format: str, suffix: str) -> None:
    """A model's file in hexadecimal: looked through, then opened."""
    from thimble.core.task import ModelSpec
    from thimble.models import look_through, open_model

    path = folder / f"model{suffix}"
    path.write_bytes(bytes.fromhex(content))
    look_through(path, format)
    open_model(ModelSpec(str(path), shapes={"left": (1, 4), "right": (1, 4)} if format == "torchscript" else None), folder / "files")


def weights(folder: Path, content: str) -> None:
    """A file of weights in hexadecimal."""
    from thimble.models._state import read_state

    (folder / "w.pth").write_bytes(bytes.fromhex(content))
    read_state(folder / "w.pth")


def command(folder: Path, words: list[str]) -> None:
    """The command line."""
    from thimble.cli import _code

    os.environ["THIMBLE_STORE"] = str(folder / "store")
    os.chdir(folder)
    code = _code(words, False)
    assert code in (0, 2, 5, 6, 7), f"exit code {code}"


DOORS = {one.__name__: one for one in (study, manifest, config, recipe, name, data, files, model, weights, command)}


def answered(request: dict[str, Any], place: Path) -> dict[str, Any]:
    """What came of a request: the error's type and text where there was one, and what was printed."""
    door = DOORS[request.pop("door")]
    said = tempfile.TemporaryFile()  # noqa: SIM115 (it takes the place of standard output meanwhile)
    kept = os.dup(1), os.dup(2)
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    error, here = None, Path.cwd()
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(dir=place) as folder:
            try:
                door(Path(folder), **request)
            finally:
                os.chdir(here)
    except BaseException as caught:
        error = {"type": type(caught).__name__, "text": str(caught), "ours": isinstance(caught, ThimbleError)}
    sys.stdout.flush()
    sys.stderr.flush()
    for number, old in zip((1, 2), kept, strict=True):
        os.dup2(old, number)
        os.close(old)
    said.seek(0)
    return {"error": error, "printed": said.read().decode(errors="replace"), "seconds": time.monotonic() - begun}


def main() -> None:
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    out = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line), Path(sys.argv[1]))), file=out, flush=True)


if __name__ == "__main__":
    main()
