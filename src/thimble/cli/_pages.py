"""The documentation's pages as they travel with the package; in a checkout, those of its ``docs`` folder."""

from __future__ import annotations

from pathlib import Path

INSTALLED, CHECKOUT = Path(__file__).parent / "_docs", Path(__file__).parents[3] / "docs"

SITE_ONLY = ("example-report", "index")
"""Pages that say nothing outside of the site."""


def pages() -> dict[str, str]:
    """Return each page's Markdown by its name, sorted; empty where the documentation was left out."""
    folder = INSTALLED if INSTALLED.is_dir() else CHECKOUT
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md")) if path.stem not in SITE_ONLY}


def first_heading(text: str) -> str:
    """Return the page's title, without markup."""
    return next((line.lstrip("# ").replace("`", "") for line in text.splitlines() if line.startswith("# ")), "")
