"""Every text of a study is hostile at once, and no report, table or command lets one of them act."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from markdown_it import MarkdownIt
from rich.console import Console

import thimble
from thimble.cli import main
from thimble.cli._causes import explained
from thimble.cli._figures import show_figures
from thimble.cli._say import say
from thimble.core.evidence import PROBES, Notes
from thimble.core.registry import REPORTS
from thimble.core.study import Study, write_study
from thimble.decide.compare import compare_studies
from thimble.decide.summarize import summarize
from thimble.report import SideBySide
from thimble.report.table import Table
from thimble.study.folder import missing_for, report_files
from thimble.study.ownership import check_redrawn

STORED = Path(__file__).parent.parent / "stored"
ACTS = (
    "<evil-{n} onmouseover='evil()'>\"'[x](javascript:evil) `~|$\\ [bold red]"
    "\x1b]0;evil\x07\x1b[2J\x9b5n\r\n# evil\n\u202e\u2067\u2028\ufeff"
)
KEPT = {"status", "minimize", "schema", "dtype", "governor", "code", "split", "resample", "layout", "channels"}
"""Fields whose few values are checked on reading, or decide which rule applies."""


def hostile(value: object, known: dict[str, str], field: str = "") -> object:
    """The same value with every text in it, keys by a user's names too, hostile; equal texts stay equal."""
    if isinstance(value, str):
        return value if field in KEPT or not value else known.setdefault(value, "=" + value + ACTS.format(n=len(known)))
    if isinstance(value, list):
        return [hostile(one, known, field) for one in value]
    if not isinstance(value, dict):
        return value
    kept = ("metric",) if "scores" in value else ()
    return {key if key in FIELDS else hostile(key, known): one if key in kept else hostile(one, known, key) for key, one in value.items()}


def _field_names() -> set[str]:
    found: set[str] = set()

    def look(schema: object) -> None:
        if isinstance(schema, dict):
            found.update(schema.get("properties", {}))
            for one in schema.values():
                look(one)
        elif isinstance(schema, list):
            for one in schema:
                look(one)

    for kind in (Study, Notes, *PROBES.values()):
        look(msgspec.json.schema(kind))
    return found | set(PROBES) | {"test", "validation"}


FIELDS = _field_names()


@pytest.fixture(scope="module", params=["lab", "measured-lab", "failures", "long-names"])
def study(request: pytest.FixtureRequest) -> Study:
    told = hostile(json.loads((STORED / f"{request.param}.json").read_text(encoding="utf-8")), {})
    made = msgspec.convert(told, Study)
    assert made.task.unit.startswith("=")
    return made


def commanding(text: str, allowed: str = "\n") -> list[str]:
    return [char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs") and char not in allowed]


@pytest.fixture(scope="module")
def folder(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("hostile")
    write_study(study, place)
    check_redrawn(place, study, report_files())
    summary = summarize(study)
    for report in REPORTS.all().values():
        if hasattr(report, "write") and missing_for(report) is None:
            report().write(study, summary, place)
    SideBySide().write(compare_studies([study, study], ("=<evil-a>\x1b[2J", "=<evil-b>")), place)
    return place


class Elements(HTMLParser):
    """Names of elements, and of attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("name", ["report.html", "comparison.html"])
def test_pages_show_the_texts_and_run_nothing(folder: Path, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    elements = Elements()
    elements.feed(own)
    assert not [found for found in elements.names if found.startswith("evil")]
    assert not [found for found in elements.attributes if found.startswith("on")]
    assert not commanding(own)
    assert "evil" in "".join(elements.words)


@pytest.mark.parametrize("name", ["report.md", "comparison.md", "MODEL_CARD.md"])
def test_markdown_shows_the_texts_as_words(folder: Path, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert not commanding(text)
    text = text.rpartition("\n---\n")[2]  # a card's head is YAML
    blocks = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    tokens = [token for block in blocks for token in (block, *(block.children or ()))]
    assert not [token for token in tokens if token.type.startswith("html")]
    assert not [token for token in tokens if token.type.startswith("link")]
    assert not commanding(text)
    heads = [following.content for block, following in itertools.pairwise(blocks) if block.type == "heading_open"]
    assert not [head for head in heads if head.startswith("evil")]
    assert "evil" in text


@pytest.mark.parametrize("name", ["results.csv", "rounds.csv"])
def test_no_cell_is_a_formula(folder: Path, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@", "-") and not re.fullmatch(r"-[\d.e+-]+", cell)]
    assert not commanding(text)
    assert "'=" in text or name == "rounds.csv"


def test_pictures_hold_the_texts_as_text(folder: Path) -> None:
    text = (folder / "optimization_comparison.svg").read_text(encoding="utf-8")
    assert "<evil" not in text
    assert not commanding(text)


@pytest.mark.parametrize("terminal", [True, False])
def test_tables_command_no_terminal(study: Study, terminal: bool) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=140, legacy_windows=False)
    Table().print(study, summarize(study), console)
    SideBySide().print(compare_studies([study, study], ("=<evil-a>\x1b[2J", "=<evil-b>")), console)
    shown = re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue())
    assert not commanding(shown)
    assert "evil" in shown
    assert "d red]" in shown  # a name may be cut in its middle; as markup all of it would be gone


@pytest.mark.parametrize("words", [["report"], ["compare", "{}"], ["report", "--json"], ["compare", "{}", "--json"]])
def test_commands_write_only_what_can_be_seen(folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([words[0], *(word.format(folder) for word in words[1:]), str(folder)])
    written = capsys.readouterr()
    assert exit_.value.code in (0, 2), written.err  # 2: a study in which nothing was measured can't be compared
    assert not commanding(written.out + written.err)
    assert "evil" in written.out or words[0] == "compare"  # where nothing was measured there is nothing to compare
    if exit_.value.code == 0:
        assert "--json" not in words or json.loads(written.out)


def test_figures_and_causes_write_only_what_can_be_seen(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    show_figures(study, None, False)
    say(*explained(study))
    written = capsys.readouterr()
    assert not commanding(written.out + written.err)
    assert "evil" in written.out


def test_an_error_is_one_line_that_can_be_seen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["report", f"no\udcff{ACTS}"])
    said = capsys.readouterr().err
    assert not commanding(said)
    assert said.count("\n") == 1


def test_one_module_writes_to_the_terminal() -> None:
    package = Path(thimble.__file__).parent
    assert "thimble.cli" in sys.modules
    others = [path for path in (package / "cli").glob("*.py") if path.name != "_say.py"]
    written = {path.name for path in others if re.search(r"click\.(s?echo)|(?<![\w.])print\(", path.read_text(encoding="utf-8"))}
    assert written <= {"fit.py"}, written
