"""What the site's reference makes of docstrings: examples of the interpreter and literal blocks become Markdown's code."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:.+\n?)*)", re.MULTILINE)


class Fenced(griffe.Extension):
    """Puts fences around doctests, and takes ``::`` out of docstrings."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring is not None:
            text = EXAMPLE.sub(lambda found: f"```python\n{found[0].rstrip()}\n```\n", obj.docstring.value)
            obj.docstring.value = re.sub(r"(?<!`)::$", "", text, flags=re.MULTILINE)
