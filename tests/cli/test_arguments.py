"""Arguments that no command can use are refused before any of them sees them."""

from __future__ import annotations

from dataclasses import MISSING

import click
import pytest

from thimble.api import request
from thimble.api.options import options_of
from thimble.cli import _code, thimble


@pytest.mark.parametrize("command", ["bundle", "measure", "report", "verify"])
def test_a_zero_byte_is_refused_in_one_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _code([command, "a\0b"], False) == 2
    assert capsys.readouterr().err == "thimble: an argument holds a zero byte, which no name of a file or model can\n"


NAMES = thimble.list_commands(click.Context(thimble))
REQUIRED = [
    (kind.__name__.lower(), one.word)
    for kind in vars(request).values()
    if isinstance(kind, type) and kind.__module__ == request.__name__ and kind.__name__.lower() in NAMES
    for one in options_of(kind)
    if one.default is MISSING and not one.argument
]


@pytest.mark.parametrize(("command", "word"), REQUIRED)
def test_a_missing_option_is_told_and_not_tripped_over(command: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _code([command, "model.onnx"], False) == 2
    assert word in capsys.readouterr().err
