"""The pages on models and data: every Python block runs, and gives the output that stands below it."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", ["models.md", "data.md"])
def test_a_page_says_what_happens(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    compared = 0
    for kind, block in BLOCK.findall((DOCS / page).read_text()):
        if kind == "text":
            assert capsys.readouterr().out == block
            compared += 1
        elif name := re.match(r"# (\w+\.py)\n", block):
            Path(name[1]).write_text(block)
        else:
            exec(compile(block, page, "exec"), names)
    assert compared >= 3
