"""Studies side by side on the command line, each named by as much of its path as tells it apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from thimble.cli import main
from thimble.cli.compare import labels

STUDY = Path(__file__).parents[1] / "stored" / "no-latency.json"


@pytest.fixture
def weeks(tmp_path: Path) -> tuple[str, str]:
    """Last week's study, and today's, in which one artifact has become twice as large."""
    study = json.loads(STUDY.read_text())
    folders = tmp_path / "last-week" / "lab", tmp_path / "today" / "lab"
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "study.json").write_text(json.dumps(study))
        next(one for one in study["candidates"] if one["name"] == "int8-static")["size"]["bytes"] *= 2
    return str(folders[0]), str(folders[1])


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["compare", *words])
    return int(end.value.code or 0), *capsys.readouterr()


def test_only_a_proven_regression_ends_with_code_four(weeks, capsys):
    before, after = weeks
    code, shown, said = run(capsys, before, after, "--fail-on-regression")
    assert code == 4
    assert "int8-static: size is worse in today/lab, 22.7 MB after 11.3 MB." in shown
    assert said == "thimble: proven to have become worse: int8-static in size\n"
    assert run(capsys, after, before, "--fail-on-regression")[0] == 0
    code, shown, _ = run(capsys, before, after, "--json")
    assert code == 0
    assert {"worse"} == {verdict for change in json.loads(shown)["changes"] for verdict in change["verdicts"]} - {"", "no proven change"}


def test_labels_are_as_short_as_tells_apart(weeks):
    before = weeks[0]
    assert labels(weeks) == ("last-week/lab", "today/lab")
    assert labels((f"{before}/study.json", str(STUDY))) == ("lab", "no-latency.json")
    assert labels((before, before)) == (before, before)
