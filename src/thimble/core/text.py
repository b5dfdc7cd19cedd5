r"""Text from strangers made safe: names, error messages and paths, one function for each medium that shows them.

What is written to a terminal passes through `line` or `plain`, a page of HTML through `html`, one of Markdown through
`markdown` or `markdown_code`, a spreadsheet through `cell`. Nothing else writes such a text there.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that command a terminal, turn the direction of text, break lines, or stand for bytes that are no text."""
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the start of a formula; the last four are the wide forms of the first."""


def unseen(char: str) -> bool:
    """Return whether a character commands rather than shows."""
    return unicodedata.category(char) in _UNSEEN


def line(text: object) -> str:
    r"""One line for a terminal, its spaces kept: colours are taken out, all else that is unseen becomes a space.

    >>> line("  a\x1b[31m b\u202e\n")
    '  a b  '
    """
    uncoloured = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", str(text))
    if uncoloured.isascii() and uncoloured.isprintable():
        return uncoloured
    return "".join(" " if unseen(char) else char for char in uncoloured)


def plain(text: object) -> str:
    """One line of visible characters with single spaces: the words of a text, for a terminal and for every other medium."""
    return " ".join(line(text).split())


def html(text: object) -> Markup:
    """The words of a text for a page of HTML, in an element or in a quoted attribute.

    >>> str(html("<b>&"))
    '&lt;b&gt;&amp;'
    """
    from markupsafe import escape

    return escape(plain(text))


def markdown(text: object) -> str:
    """The words of a text with every character that Markdown or HTML would read as markup taken literally.

    A sign that would begin a list or a heading is one, too.
    """
    escaped = re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", plain(text).replace("&", "&amp;"))
    return re.sub(r"^(\d*)([-+=.)])(?=\s|[-=]|$)", r"\1\\\2", escaped)


def markdown_code(text: object) -> str:
    """A code span of Markdown that holds any text, backticks and table bars too."""
    inner = plain(text).replace("|", "\\|") or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", inner)), default=0) + 1)
    pad = " " if inner.startswith("`") or inner.endswith("`") else ""
    return f"{fence}{pad}{inner}{pad}{fence}"


def cell(text: object) -> str:
    """The words of a text for a cell of a spreadsheet; one that would be a formula gets an apostrophe before it.

    >>> cell("=1+1"), cell("onnx-int8")
    ("'=1+1", 'onnx-int8')
    """
    words = plain(text)
    return f"'{words}" if words.startswith(_FORMULA) else words


def is_text(text: str) -> bool:
    """Return whether a text can be written as UTF-8; bytes of a name that are none come as lone surrogates."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def brief(text: str, most: int = 80) -> str:
    """A text for a message, its middle cut out where it would flood it."""
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"
