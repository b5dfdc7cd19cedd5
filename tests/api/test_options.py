"""Options stand once, as annotated fields: the command line, ``study.toml`` and the checks are made from them."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import click
import pytest
from click.testing import CliRunner
from msgspec import Meta

from thimble.api import config, request
from thimble.api.options import built, check, flat, options_of
from thimble.api.request import Apply, Bundle, Check, Compare, Doctor, Fit, Lab, Measure, Reading
from thimble.api.shared_options import Threads
from thimble.cli import thimble
from thimble.cli._options import options, request_of
from thimble.core.errors import BadInput
from thimble.core.option import Option
from thimble.core.sampling import Sampling
from thimble.core.study import Limits

REQUESTS = {
    "fit": Fit,
    "lab": Lab,
    "apply": Apply,
    "measure": Measure,
    "compare": Compare,
    "check": Check,
    "doctor": Doctor,
    "bundle": Bundle,
}


@dataclass(frozen=True)
class Wider(Fit):
    """A fit with one more option, which stands nowhere else."""

    tries: Annotated[int, Meta(ge=1, le=9), Option("Tries of each candidate.", "3", metavar="N")] = 2


@click.command("wider")
@options(Wider)
def wider(**given: Any) -> None:
    """Show what was asked."""
    check(asked := request_of(Wider, given))
    click.echo(asked)


def test_another_option_is_one_annotated_field(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    told = CliRunner().invoke(wider, ["--help"]).output
    assert "--tries N" in told
    assert "Tries of each candidate.  [default: 2]" in told
    assert CliRunner().invoke(wider, ["m.onnx", "--data", "digits", "--tries", "4"]).output == f"{Wider('m.onnx', 'digits', tries=4)}\n"
    refused = CliRunner().invoke(wider, ["m.onnx", "--data", "digits", "--tries", "10"]).exception
    assert str(refused) == "--tries must be a whole number from 1 to 9, not 10"
    with pytest.raises(BadInput, match="--tries must be a whole number from 1 to 9, not 'many'"):
        check(Wider("m.onnx", "digits", tries="many"))  # type: ignore[arg-type]
    monkeypatch.setattr(config, "Fit", Wider)
    (tmp_path / "study.toml").write_text(config.config_text(Wider("/m.onnx", "digits", tries=5)))
    assert "# Tries of each candidate.\ntries = 5\n" in (tmp_path / "study.toml").read_text()
    assert config.read_config(tmp_path / "study.toml") == Wider("/m.onnx", "digits", tries=5)


def test_every_request_is_a_command_with_these_options() -> None:
    requests = {cls for cls in vars(request).values() if is_dataclass(cls) and cls.__module__ == request.__name__}
    assert requests == {*REQUESTS.values(), Reading, request.CompareRuntimes}, "Reading is what these share"
    assert sum(issubclass(cls, Reading) for cls in REQUESTS.values()) == 6
    for name, cls in REQUESTS.items():
        command = thimble.get_command(click.Context(thimble), name)
        assert command is not None
        parameters = {parameter.name: parameter for parameter in command.params}
        for one in options_of(cls):
            assert one.name in parameters, (name, one.name)
            assert one.option.help.endswith((".", "?", "...")), (name, one.name)
            assert one.argument == isinstance(parameters[one.name], click.Argument)


def test_a_field_without_an_option_is_for_python_alone() -> None:
    told = {name: {f.name for f in fields(cls)} - {one.group or one.name for one in options_of(cls)} for name, cls in REQUESTS.items()}
    assert {name: hidden for name, hidden in told.items() if hidden} == {"lab": {"recipes"}}


def test_a_shared_option_keeps_what_a_command_does_not_say_anew() -> None:
    shared = next(one for one in options_of(Fit) if one.name == "threads")
    own = next(one for one in options_of(Apply) if one.name == "threads")
    assert own.option.help == "Threads for the steps."
    assert (own.option.metavar, own.option.default, own.kind) == (shared.option.metavar, shared.option.default, shared.kind)
    assert get_type_hints(Fit, include_extras=True)["threads"] == Threads | None


def test_values_go_into_groups_and_come_out_of_them() -> None:
    asked = Fit("m.onnx", "digits", Limits(max_drop=1.0, minimize="size"), threads=2)
    assert built(Fit, flat(asked)) == asked
    assert built(Measure, {"seconds": 60.0, "batch": 2}) == Measure(sampling=Sampling(seconds=60.0), batch=2)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Fit("", "digits"), "MODEL is empty"),
        (Fit("m.onnx", "digits", seed=None), "--seed must be a whole number from 0 to 4294967295, not None"),  # type: ignore[arg-type]
        (Fit("m.onnx", "digits", Limits(max_size=0.0)), "--max-size must be a number from 0.0001 to 1000000000, not 0.0"),
        (Fit("m.onnx", "digits", budget=0.0), "--budget must be a length of time such as 2m, above 0 and up to a year, not 0.0"),
        (Fit("m.onnx", "digits", shapes={"x": (1, 0)}), "--input-shape gives x the shape (1, 0)"),
        (Apply("", "m.onnx"), "RECIPE is empty"),
        (Lab(image_size=4), "--image-size must be a whole number from 8 to 4096, not 4"),
        (Lab(only="onnx"), "--only must be a list of texts, not 'onnx'"),
        (Measure(batch=True), "--batch must be a whole number from 1 to 65536, not True"),
        (Measure(out=3), "--out must be"),  # type: ignore[arg-type]
        (Doctor(std=(1.0, 1.0, 0.0)), "--std is 1, 1, 0; it must be three numbers above 0"),
    ],
)
def test_python_is_told_in_the_words_of_the_command_line(asked: Any, said: str) -> None:
    with pytest.raises(BadInput) as error:
        check(asked)
    assert str(error.value).startswith(said)


def test_what_must_be_given_has_no_default() -> None:
    assert [one.name for one in options_of(Fit) if one.default is MISSING] == ["model", "data"]
