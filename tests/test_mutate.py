"""The script that breaks the tool on purpose: what it calls caught is caught, and it changes nothing of the user's."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import mutate  # noqa: E402

SOURCE = "def larger(a, b):\n    return a if a > b else b\n"
TESTS = "from one import larger\n\n\ndef test_larger():\n    assert larger(1, 2) == 2\n    assert larger(1, 1) == 1\n"
TABLE = """
[[mutation]]
name = "{name}"
file = "src/one.py"
old = "{old}"
new = "{new}"
tests = ["tests/test_one.py::{test}"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder, name, text in (("src", "one.py", SOURCE), ("tests", "test_one.py", TESTS)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "test", "code", "said"),
    [
        ("a > b", "a < b", "test_larger", 0, "caught"),
        ("a > b", "a >= b", "test_larger", 1, "SURVIVED"),
        ("a != b", "a == b", "test_larger", 1, "UNTRIED .* its text stands 0 times in src/one.py"),
        (" a", " b", "test_larger", 1, "UNTRIED .* its text stands [2-9] times"),
        ("a > b", "a > (b", "test_larger", 1, "UNTRIED .* pytest ends with [24]"),
    ],
    ids=["caught", "survives", "gone", "several", "no program"],
)
def test_what_becomes_of_a_mutation(
    project: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, test: str, code: int, said: str
) -> None:
    table = project / "mutations.toml"
    table.write_text(TABLE.format(name="it", old=old, new=new, test=test))
    assert mutate.main(["--jobs", "1"], project, table) == code
    assert re.search(said, capsys.readouterr().out)
    assert (project / "src" / "one.py").read_text() == SOURCE


def test_tests_that_fail_anyway_prove_nothing(project: Path) -> None:
    table = project / "mutations.toml"
    table.write_text(TABLE.format(name="it", old="a > b", new="a < b", test="no_such_test"))
    with pytest.raises(SystemExit, match="the tests fail without any mutation"):
        mutate.main(["--jobs", "1"], project, table)


def test_words_choose_and_an_empty_choice_is_an_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = project / "mutations.toml"
    table.write_text(
        TABLE.format(name="the first", old="x", new="y", test="t") + TABLE.format(name="the second", old="x", new="y", test="t")
    )
    assert mutate.main(["second", "--jobs", "1"], project, table) == 1
    assert "1 mutations in" in capsys.readouterr().out
    assert mutate.main(["third"], project, table) == 2


@pytest.mark.parametrize("mutation", mutate.mutations(mutate.TABLE), ids=lambda mutation: mutation.name)
def test_every_mutation_can_be_tried(mutation: mutate.Mutation) -> None:
    assert mutation.problem(ROOT) == ""
    for node in mutation.tests:
        file, _, function = node.partition("::")
        assert f"def {function.partition('[')[0]}" in (ROOT / file).read_text(encoding="utf-8")
