"""``thimble view``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thimble.cli._say import say

if TYPE_CHECKING:
    from thimble.core.serving import Page


@click.command("view")
@click.argument("artifact", type=click.Path(path_type=Path), metavar="ARTIFACT")
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port on this machine.  [default: a free port]")
@click.option("--no-browser", is_flag=True, help="Print the address; don't open a browser.")
def command(artifact: Path, port: int, no_browser: bool) -> None:
    """Show a model's graph in Netron, until Ctrl-C.

    ARTIFACT is an artifact's folder or a model's file. The page is served on this machine only (127.0.0.1), and holds only
    the model and its data files. Other machines and other pages in the browser can't read it.
    """
    import webbrowser

    from thimble.core.serving import Server

    path = model_file(artifact)
    with Server(pages(path), port, QUIET) as server:
        say(f"{path} is shown at {server.address} (Ctrl-C ends it)")
        if not no_browser:
            webbrowser.open(server.address)
        server.serve_forever()


def pages(path: Path) -> dict[str, Page]:
    """Netron's own files, and the model's with those that hold its data, by their addresses. Raises `MissingExtra` without Netron."""
    from thimble.core.step import needing

    with needing("view"):
        import netron
    home = Path(netron.__file__).parent
    served: dict[str, Page] = {f"/{file.name}": file for file in home.iterdir() if file.suffix in STATIC}
    index = _index((home / "index.html").read_text(encoding="utf-8"), path, getattr(netron, "__version__", "0"))
    served |= {"/": index, "/index.html": index}
    for file in (path, *data_files(path)):
        served[f"/data/{file.relative_to(path.parent).as_posix()}"] = file
    return served


QUIET = {
    "Content-Security-Policy": "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; form-action 'none'",
    "Set-Cookie": "consent=none; Path=/; SameSite=Strict",
}
"""Headers that keep Netron's page from looking up where the user is and from reporting errors and use, or asking for consent."""
STATIC = (".html", ".js", ".css", ".png", ".ico", ".json", ".svg", ".woff", ".woff2")
"""Kinds of files in Netron's package that its page asks for."""


def data_files(path: Path) -> list[Path]:
    """The files beside a model that hold its data, as far as the model names such; none for one that can't be read."""
    from thimble.core.errors import BadInput
    from thimble.formats import format_named, format_of

    format = format_of(path)
    if format == "onnx":
        from thimble.models._onnx_check import read_onnx

        try:
            return read_onnx(path)[1]
        except BadInput:
            return []
    beside = getattr(format_named(format), "BESIDE", ()) if format else ()
    return [path.with_suffix(suffix) for suffix in beside if path.with_suffix(suffix).is_file()]


def _index(page: str, path: Path, version: str) -> bytes:
    """Netron's page, told which file to show; names are text in it."""
    from urllib.parse import quote

    from thimble.core.text import html

    name = html(path.name)
    told = {"type": "Python", "version": html(version), "file": f"/data/{quote(path.name)}", "name": name, "identifier": name}
    lines = "\n".join(f'<meta name="{key}" content="{value}">' for key, value in told.items())
    return re.sub(r'<meta name="version" content=".*">', lambda _: lines, page).encode()


def model_file(artifact: Path) -> Path:
    """The file to draw: an artifact folder's main one, or the given file; raises `BadInput`."""
    from thimble.core.artifact import MANIFEST, read_manifest
    from thimble.core.errors import BadInput

    if artifact.is_dir():
        if (artifact / "study.json").exists() and not (artifact / MANIFEST).exists():
            raise BadInput(f"{artifact} is a study; name one of its artifacts, such as {artifact / 'artifacts' / 'NAME'}")
        artifact = artifact / read_manifest(artifact).main
    if not artifact.is_file():
        raise BadInput(f"there is no model at {artifact}; give an artifact's folder or a model's file")
    return artifact
