"""``study.toml``: what is written is read back exactly, and what can't be is said with file and key."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from thimble import Fit, Limits, config_text, read_config
from thimble.api.config import write_config
from thimble.api.options import options_of
from thimble.cli.fit import command
from thimble.core.errors import BadInput

FULL = Fit(
    "nets/net.py:network",
    "imagefolder:photos",
    Limits(0.5, 1.25, 20.0, 64.0, "size"),
    weights="w.pt",
    student="torchvision:mobilenet_v2",
    budget=450.0,
    threads=2,
    seed=7,
    size=32,
    mean=(0.1, 0.2, 0.3),
    std=(0.5, 0.25, 1 / 3),
    shapes={"a b": (1, 3), "y": (1,)},
)


@pytest.mark.parametrize("options", [FULL, Fit("torchvision:resnet18", "digits"), Fit("/a/m.onnx", "npz:/b/x.npz", budget=90.5)])
def test_what_is_written_is_read_back(options: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    for place in (Path(), Path("runs/one")):
        (place / "study.toml").write_text(config_text(options, place))
        assert read_config(place / "study.toml") == options
    assert "../../nets/net.py:network" in config_text(FULL, folder)


@given(
    st.floats(0.01, 3e7),
    st.floats(0, 100),
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(lambda s: s.strip(". ") == s),
)
@settings(max_examples=40, deadline=None)
def test_any_number_and_any_name_survives(tmp_path_factory: pytest.TempPathFactory, budget: float, drop: float, name: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    options = Fit("torchvision:resnet18", f"npz:/{name}", Limits(max_drop=drop), budget=budget, shapes={name: (1, 2)})
    file.write_text(config_text(options), encoding="utf-8")
    assert read_config(file) == options


def test_every_field_is_a_key_with_words_and_an_option() -> None:
    fields = {f.name for cls in (Fit, Limits) for f in dataclasses.fields(cls)} - {"limits"}
    options = options_of(Fit)
    assert {one.name for one in options} == fields
    assert all(one.option.help.endswith(".") and one.option.example for one in options)
    assert fields | {"out"} <= {parameter.name for parameter in command.params}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("max-drop = 1", "did you mean 'max_drop'"),
        ("threads = 'two'", 'threads must be a whole number from 1 to 1024, not "two"'),
        ("threads = true", "threads must be a whole number from 1 to 1024, not true"),
        ("seed = -1", "seed must be a whole number from 0 to 4294967295, not -1"),
        ("size = 2.5", "size must be a whole number from 8 to 4096, not 2.5"),
        ("mean = 0.5", "mean must be a list of numbers"),
        ("mean = [0.5, 0.5]", "mean has 2 numbers"),
        ("std = [0, 1, 1]", "above 0"),
        ("shapes = [1, 3]", "shapes must be a table of names with lists of whole numbers"),
        ("shapes = { x = [1, 0] }", "sizes are 1 or more"),
        ("max_size = nan", "max_size must be a number from 0.0001 to 1000000000, not nan"),
        ("max_size = 0", "max_size must be a number from 0.0001"),
        ("max_drop = -1", "max_drop must be a number from 0 to"),
        ("max_latency = 0.0001", "max_latency must be a number from 0.001"),
        ("minimize = 'beauty'", 'minimize must be latency, size or memory, not "beauty"'),
        ("budget = 'soon'", "such as"),
        ("budget = 0", "above 0"),
        ("model = ''", "model is empty"),
        ("seed = 1\nseed = 2", "is not TOML"),
        ("data = 'digits'", "has no model"),
    ],
)
def test_what_cannot_be_is_said_with_file_and_key(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(line)
    with pytest.raises(BadInput) as error:
        read_config(file)
    assert said in str(error.value)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_command_line_wins_and_prints_what_it_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    write_config(FULL, tmp_path / "sub")
    done = CliRunner().invoke(command, ["--config", "sub/study.toml", "--threads", "3", "--data", "digits", "--print-config"])
    assert done.exit_code == 0, done.output
    (tmp_path / "again.toml").write_text(done.output)
    assert read_config("again.toml") == replace(FULL, threads=3, data="digits")
    assert 'out = "sub"' in done.output
