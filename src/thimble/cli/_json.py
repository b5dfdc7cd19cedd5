"""``--json``: each command's answer as one object with the schema's version and its kind; docs/json.md describes them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from thimble.cli._say import say_json_text

if TYPE_CHECKING:
    from thimble.core.study import Study

Form = Literal["decision", "raw"]
"""How much of an answer is asked for: what follows from the raw values, or all of them."""
_WORDS = {"--json=decision": "--json", "--json=raw": "--json-raw"}


class Command(click.Command):
    """A command whose ``--json`` may have a value behind an equals sign, and never takes the next word for it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; raises ``click.UsageError`` for any other value of ``--json``."""
        end = args.index("--") if "--" in args else len(args)
        raw = any("--json-raw" in parameter.opts for parameter in self.params)
        for word in args[:end]:
            if word.startswith("--json=") and (word not in _WORDS or (word == "--json=raw" and not raw)):
                raise click.UsageError(f"{word} is unknown here: give --json{' or --json=raw' if raw else ''}", ctx)
        return super().parse_args(ctx, [_WORDS.get(word, word) for word in args[:end]] + args[end:])


def json_option(raw: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--json`` to a command, and ``--json=raw`` where there are raw values; the command gets ``as_json``, a `Form` or ``None``."""

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def asked(*args: Any, as_json: bool, as_raw: bool = False, **given: Any) -> Any:
            return command(*args, as_json="raw" if as_raw else "decision" if as_json else None, **given)

        help = "Print the answer as JSON" + ("; --json=raw prints every raw value." if raw else ".")
        if raw:
            asked = click.option("--json-raw", "as_raw", is_flag=True, hidden=True)(asked)
        return click.option("--json", "as_json", is_flag=True, help=help)(asked)

    return decorated


def say_answer(kind: str, value: Any) -> None:
    """Print a command's answer: the schema's version, its kind, and the value's fields."""
    import msgspec

    from thimble.core.decision import SCHEMA

    fields = msgspec.to_builtins(value, enc_hook=_plain)
    say_json_text(msgspec.json.format(msgspec.json.encode({"schema": SCHEMA, "kind": kind, **fields}), indent=1).decode())


def say_study(study: Study, form: Form) -> None:
    """Print a study's decision, or the study with every raw value, as ``study.json`` holds it."""
    import msgspec

    if form == "raw":
        say_json_text(msgspec.json.format(msgspec.json.encode(study), indent=1).decode())
        return
    from thimble.decide.decision import decision_of

    say_answer("study", decision_of(study))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else repr(value)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of every answer, made from the types of the values."""
    import msgspec

    from thimble.core.decision import SCHEMA

    kinds = answers()
    _, parts = msgspec.json.schema_components(list(kinds.values()), schema_hook=_text, ref_template="#/$defs/{name}")
    found = {}
    for kind, cls in kinds.items():
        body = parts[cls.__name__]
        head = {"schema": {"const": SCHEMA}, "kind": {"const": kind}}
        found[f"{kind} answer"] = {
            **body,
            "properties": {**head, **body["properties"]},
            "required": ["schema", "kind", *body.get("required", [])],
        }
    refs = [{"$ref": f"#/$defs/{name.replace(' ', '%20')}"} for name in found]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What thimble prints with --json",
        "oneOf": refs,
        "$defs": {**found, **{name: part for name, part in sorted(parts.items()) if name not in {c.__name__ for c in kinds.values()}}},
    }


def answers() -> dict[str, type]:
    """Return the type of each kind of answer."""
    from thimble.api._choice import Candidates
    from thimble.api.apply import Applied
    from thimble.api.bundle import Bundled
    from thimble.api.check import Checks
    from thimble.api.devices import Devices
    from thimble.api.listing import Listing
    from thimble.api.machine import Machine
    from thimble.api.setup import Environments
    from thimble.api.verify import Verification
    from thimble.core.comparison import Comparison
    from thimble.core.decision import Decision
    from thimble.core.swept import Sweep
    from thimble.decide.compare import Verdict
    from thimble.decide.runtimes import RuntimesCompared
    from thimble.engine.store import Contents

    return {
        "study": Decision,
        "comparison": Verdict,
        "check": Checks,
        "studies": Comparison,
        "runtimes": RuntimesCompared,
        "sweep": Sweep,
        "artifact": Applied,
        "bundle": Bundled,
        "bundle candidates": Candidates,
        "verification": Verification,
        "machine": Machine,
        "devices": Devices,
        "environments": Environments,
        "list": Listing,
        "store": Contents,
    }


def _text(cls: type) -> dict[str, str]:
    if cls is Path:
        return {"type": "string"}
    raise NotImplementedError  # what msgspec asks of a hook for types that it doesn't know
