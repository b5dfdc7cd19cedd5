"""``thimble serve``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from thimble.cli._say import say, say_aside


@click.command("serve")
@click.argument("place", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", show_default=True, help="This machine's address; 0.0.0.0 finds it.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port; default: a free one.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder where results are kept as they come.")
def command(place: Path, host: str, port: int, out: Path | None) -> None:
    """Serve a web bundle's page, and show what browsers measure, until Ctrl-C.

    BUNDLE was made with thimble bundle --target web. It is served on this machine only (127.0.0.1). With --host a phone in
    the same network reaches it: the address that is printed, and shown as a QR code, lets one browser in, once.
    """
    from thimble.api.serve import Serving, imported, serving
    from thimble.cli._figures import show_figures
    from thimble.core.aside import new_file, writing

    if out is not None:
        from thimble.core.paths import check_writable

        check_writable(out)

    def take(content: bytes) -> None:
        study = imported(content, Path("the page's result"))
        show_figures(study, None, None)
        if out is not None:
            path = out / f"{study.joint_run}.json"
            out.mkdir(parents=True, exist_ok=True)
            with writing(path), new_file(path) as aside:
                aside.write_bytes(content)
            say(f"{path} is written; next: thimble measure --import {path}")

    with serving(place, Serving(host, port), take) as server:
        say_address(server.address)
        server.serve_forever()


def say_address(address: str) -> None:
    """Print where the page is; as a QR code, too, where a phone may reach it and `segno` is installed."""
    say(f"the page is at {address} (Ctrl-C ends it)")
    if address.startswith("http://127.0.0.1"):
        return
    say_aside("note: over plain http a browser gives this page one thread and keeps nothing offline; it works otherwise")
    if importlib.util.find_spec("segno"):
        import segno

        segno.make(address).terminal(compact=True)
    else:
        say_aside("note: pip install segno (extra serve) prints this address as a QR code")
