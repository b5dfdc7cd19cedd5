"""Every command's ``--json``: one object under the documented schema, without raw rounds unless they are asked for."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from thimble.cli import main, thimble
from thimble.cli._json import Command, answers, schema
from thimble.core.decision import SCHEMA
from thimble.core.study import read_study

ROOT = Path(__file__).parents[2]
STORED = ROOT / "tests" / "stored"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies, and an ONNX file with a matrix product."""
    folder = tmp_path_factory.mktemp("json")
    for name in ("one", "other"):
        (folder / name).mkdir()
        shutil.copy(STORED / "measured-lab.json", folder / name / "study.json")
    x, y = (
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 64]),
    )
    weights = numpy_helper.from_array(np.random.default_rng(0).standard_normal((64, 64)).astype("float32"), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "x.onnx")
    return folder


COMMANDS = {
    "report": ("study", ["report", "--json", "one"]),
    "compare of two": ("comparison", ["compare", "one:onnx", "other:onnx-int8-static", "--json"]),
    "compare of studies": ("studies", ["compare", "one", "other", "--json"]),
    "apply": ("artifact", ["apply", "onnx_quantize_dynamic()", "x.onnx", "--out", "made", "--threads", "1", "--json"]),
    "measure": ("study", ["measure", "x.onnx", "--threads", "1", "--seconds", "0.2", "--throughput", "--json"]),
    "doctor of an artifact": ("study", ["doctor", "x.onnx", "--threads", "1", "--json"]),
    "bundle --list": ("bundle candidates", ["bundle", "one", "--list", "--json"]),
    "doctor": ("machine", ["doctor", "--json"]),
    "list": ("list", ["list", "runtimes", "--json"]),
    "store": ("store", ["store", "--json"]),
}


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(words)
    written = capsys.readouterr()
    return int(end.value.code or 0), written.out, written.err


@pytest.mark.parametrize("name", COMMANDS)
def test_an_answer_has_a_version_a_kind_and_the_type_of_its_kind(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch, private_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    kind, words = COMMANDS[name]
    code, shown, said = run(words, capsys)
    assert code == 0, said
    told = json.loads(shown)
    assert (told.pop("schema"), told.pop("kind")) == (SCHEMA, kind)
    assert set(told) == set(schema()["$defs"][f"{kind} answer"]["properties"]) - {"schema", "kind"}
    msgspec.convert(told, answers()[kind], dec_hook=lambda cls, value: cls(value))
    assert "samples_ms" not in shown
    assert '"scores"' not in shown


def test_raw_values_are_behind_their_word(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(place)
    code, shown, _ = run(["report", "one", "--json=raw"], capsys)
    assert code == 0
    (place / "again").mkdir(exist_ok=True)
    (place / "again" / "study.json").write_text(shown, encoding="utf-8")
    assert read_study(place / "again") == read_study(place / "one")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "one", "--json=all"], "--json=all is unknown here: give --json or --json=raw"),
        (["list", "steps", "--json=raw"], "--json=raw is unknown here: give --json"),
    ],
)
def test_any_other_word_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(words, capsys)
    assert code == 2
    assert said in error


def test_a_decision_holds_what_the_table_and_the_sentence_say(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    told = json.loads(run(["report", "one", "--json"], capsys)[1])
    chosen = next(row for row in told["rows"] if row["name"] == told["chosen"])
    assert told["met"]
    assert set(chosen["limits"].values()) == {"met"}
    assert chosen["speedup"]["low"] > 1
    assert told["chosen"] in told["recommendation"]
    assert all(row["verdict"] for row in told["rows"] if row["name"] != told["chosen"])
    assert any(row["findings"] for row in told["rows"])


def test_the_schema_in_the_docs_is_made_from_the_types() -> None:
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools" / "schema.py")
    assert spec is not None
    assert spec.loader is not None
    tool: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.PLACE.read_text(encoding="utf-8") == tool.text(), "run: python tools/schema.py"


def test_every_command_has_json_but_those_that_print_pages_and_code() -> None:
    context = click.Context(thimble)
    without = [name for name in thimble.list_commands(context) if not isinstance(thimble.get_command(context, name), Command)]
    assert without == ["completion", "help", "serve", "view"]


def test_the_page_describes_every_kind() -> None:
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    assert all(f"| `{kind}` |" in page for kind in answers())
