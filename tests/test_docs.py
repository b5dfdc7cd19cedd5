"""The documentation as a site: it builds without a warning, loads nothing from elsewhere, and its tutorial runs as it is written."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("**/*.md"))
FAR = r"""["'](?:https?:)?//"""
LOADING = re.compile(rf"""<(?:script|img|iframe|source)[^>]*\ssrc={FAR}|<link[^>]*rel="(?:stylesheet|preconnect|icon)"[^>]*href={FAR}""")
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")), reason="needs the extra docs"
)
def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    pages = {path.relative_to(tmp_path / "site").as_posix(): path.read_text() for path in (tmp_path / "site").rglob("*.html")}
    built = {path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in PAGES}
    assert built | {"reference/commands.html", "lab-report.html"} <= set(pages)
    assert [name for name, text in pages.items() if LOADING.search(text)] == []
    assert "thimble check" in pages["reference/commands.html"]
    assert "best prospects first" in pages["reference/python.html"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists() or target == "lab-report.html", f"{page.name} links to {target}"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_tutorial_runs_as_it_is_written(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "THIMBLE_STORE": str(tmp_path / "store")}
    blocks = BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text())
    assert len(blocks) == 5
    for command in "".join(blocks).strip().splitlines():
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr[-1000:]}"
    assert (tmp_path / "small.zip").is_file()
