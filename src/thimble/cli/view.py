"""``thimble view``."""

from __future__ import annotations

from pathlib import Path

import click

from thimble.cli._say import say


@click.command("view")
@click.argument("artifact", type=click.Path(path_type=Path), metavar="ARTIFACT")
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port on this machine; default: a free one.")
@click.option("--no-browser", is_flag=True, help="Only say the address; open no browser.")
def command(artifact: Path, port: int, no_browser: bool) -> None:
    """Show the graph of an artifact's folder or of a model's file in Netron, until Ctrl-C.

    It is served on this machine only (127.0.0.1); nobody else on the network can see it.
    """
    import logging
    import webbrowser

    from thimble.core.errors import ThimbleError
    from thimble.core.step import needing

    path = model_file(artifact)
    with needing("view"):
        import netron
    logging.getLogger("netron").setLevel(logging.WARNING)
    try:
        host, used = netron.start(str(path), address=("127.0.0.1", port), browse=False)
    except OSError as error:
        raise ThimbleError(f"can't serve on port {port}: {error.strerror or error}; choose another with --port") from error
    address = f"http://{host}:{used}"
    say(f"{path} is shown at {address} (Ctrl-C ends it)")
    if not no_browser:
        webbrowser.open(address)
    netron.wait()


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
