"""Values that a notebook shows as a page instead of their Python text."""

from __future__ import annotations

import importlib


class Shown:
    """Gives a value the form that notebooks ask for; `thimble.api.display` makes it, and is loaded when it is asked for."""

    def _repr_html_(self) -> str:
        """Return the value as HTML."""
        html: str = importlib.import_module("thimble.api.display").html_of(self)
        return html
