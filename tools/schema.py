"""Write docs/json-schema.json, the JSON Schema of what every command prints with ``--json``, from the types of the values.

python tools/schema.py
"""

from __future__ import annotations

import json
from pathlib import Path

from thimble.cli._json import schema

PLACE = Path(__file__).parents[1] / "docs" / "json-schema.json"


def text() -> str:
    """The file's text as it should be."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PLACE.write_text(text(), encoding="utf-8")
