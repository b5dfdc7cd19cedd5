"""Write examples/*.ipynb from examples/*.py: the docstring is the title, each paragraph a cell, and the study is shown at the end.

python tools/notebooks.py
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"
QUICK = 'QUICK = "--quick" in sys.argv'


def notebook(path: Path) -> str:
    """The notebook of one example, as its file's text."""
    source = path.read_text(encoding="utf-8")
    title = ast.get_docstring(ast.parse(source)) or path.stem
    body = source.split('"""\n', 1)[1] if source.startswith('"""') else source
    body = body.replace("import sys", "import os").replace(QUICK, 'QUICK = "THIMBLE_QUICK" in os.environ')
    words = f"# {path.stem[:2]}. {title}\n\nThe same as `{path.name}`. Set `THIMBLE_QUICK=1` for less training and smaller images."
    cells = [_cell("markdown", "title", words)]
    cells += [_cell("code", f"part-{i}", part) for i, part in enumerate(_paragraphs(body), 1)]
    cells.append(_cell("code", "study", "study"))
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1, ensure_ascii=False) + "\n"


def _paragraphs(body: str) -> list[str]:
    """Top-level statements with the comments above them; together where no blank line parts them, as imports are."""
    lines, parts, last, importing = body.splitlines(), list[str](), 0, False
    for node in ast.parse(body).body:
        first, end = node.lineno - 1, node.end_lineno or node.lineno
        while first > last and lines[first - 1].startswith("#"):
            first -= 1
        text, before = "\n".join(lines[first:end]), importing
        importing = isinstance(node, ast.Import | ast.ImportFrom)
        if parts and ((before and importing) or first == last):
            parts[-1] += "\n" + "\n" * (first - last) + text
        else:
            parts.append(text)
        last = end
    return parts


def _cell(kind: str, name: str, text: str) -> dict[str, Any]:
    more: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": {}, **more, "source": text.splitlines(keepends=True)}


if __name__ == "__main__":
    for path in sorted(EXAMPLES.glob("*.py")):
        path.with_suffix(".ipynb").write_text(notebook(path), encoding="utf-8")
