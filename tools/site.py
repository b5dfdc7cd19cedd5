"""Hooks of the documentation's site (``make docs``): pages that are made from the code, and links to files outside ``docs``."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "tests" / "stored" / "measured-lab.json"
OUTSIDE = re.compile(r"\[([^\]]+)\]\((\.\./[^)]+)\)")
"""A link to a file of the checkout that is no page of the site."""


def on_config(config: Any) -> Any:
    """Put pages that the navigation doesn't name at its end, so that none is out of reach."""
    named = str(config.nav)
    left = sorted(path.name for path in (ROOT / "docs").glob("*.md") if path.name not in named)
    if left:
        config.nav.append({"More": left})
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the commands' page, and the report of a stored run of the lab."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "reference/commands.md", content=commands()))
    files.append(File.generated(config, "lab-report.html", content=report()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Show a link that leads out of the site as the path in the checkout."""
    return OUTSIDE.sub(lambda found: f"{found[1]} (`{found[2].removeprefix('../')}` in the checkout)", markdown)


def commands() -> str:
    """The help of every command, as the terminal shows it."""
    import click

    from thimble.cli import thimble

    context = click.Context(thimble, info_name="thimble", max_content_width=100)
    parts = ["# Commands", f"```text\n{thimble.get_help(context)}\n```"]
    for name in thimble.list_commands(context):
        command = thimble.get_command(context, name)
        if command is not None:
            inner = click.Context(command, info_name=name, parent=context, max_content_width=100)
            parts += [f"## thimble {name}", f"```text\n{command.get_help(inner)}\n```"]
    return "\n\n".join(parts) + "\n"


def report() -> str:
    """The page of the stored study."""
    import shutil

    from thimble.core.study import read_study
    from thimble.decide.summarize import summarize
    from thimble.report.html import Html

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(STUDY, Path(folder) / "study.json")
        study = read_study(Path(folder))
        return Html().write(study, summarize(study), Path(folder))[0].read_text(encoding="utf-8")
