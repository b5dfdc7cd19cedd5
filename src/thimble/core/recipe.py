"""A recipe: a named tuple of steps that reads as a sentence, ``prune_channels(0.3) + finetune(2) + to_onnx()``."""

from __future__ import annotations

import ast
import dataclasses
from dataclasses import dataclass
from typing import Any

from thimble.core.errors import BadInput
from thimble.core.model import TORCH
from thimble.core.registry import RUNTIMES, STEPS, camel_case
from thimble.core.settings import check_settings
from thimble.core.step import Step, step_text
from thimble.core.text import brief
from thimble.core.values import first_line

_FORM = "write name(value, key=value) + name(...)"
LONGEST = 10_000
"""Characters of a recipe's text."""


@dataclass(frozen=True)
class Recipe:
    """Steps in order, under a name. ``runtime`` and its ``options`` say what executes the result.

    ``title`` is one line for people. An empty recipe is the model as it came.
    """

    name: str
    steps: tuple[Step, ...] = ()
    runtime: str = "pytorch"
    options: tuple[tuple[str, str], ...] = ()
    title: str = ""

    @property
    def text(self) -> str:
        """``prune_channels(0.3) + finetune(2)``, or ``as given`` where there is no step."""
        return recipe_text(self.steps)


def recipe_text(steps: tuple[Step, ...]) -> str:
    """The display form of some steps; `parse_recipe` reads it back."""
    return " + ".join(map(step_text, steps)) or "as given"


def recipe(name: str, text: str, runtime: str | None = None, title: str = "") -> Recipe:
    """A named recipe from its text. Without ``runtime``, the one whose native format the last step produces.

    Raises what `parse_recipe` raises, and `UnknownName` for an unknown runtime.
    """
    steps = parse_recipe(text)
    if runtime is not None:
        RUNTIMES.get(runtime)
    return Recipe(name, steps, runtime or _native_runtime(steps[-1].produces if steps else TORCH), (), title)


def _native_runtime(format: str) -> str:
    """PyTorch for what is in memory; else a runtime that has this format as its first, or opens it at all."""
    if format == TORCH:
        return "pytorch"
    runtimes = RUNTIMES.all()
    opens = [name for name, cls in runtimes.items() if format in cls.formats]
    native = [name for name in opens if runtimes[name].formats[0] == format]
    if not opens:
        raise BadInput(f"no runtime opens the format {format}")
    return (native or opens)[0]


def parse_recipe(text: str) -> tuple[Step, ...]:
    """Steps from their display form. Only literals are evaluated, never code.

    Raises `BadInput` for anything but ``name(literal, key=literal) + ...`` and `UnknownName` for unknown steps.

    >>> [type(step).__name__ for step in parse_recipe("prune_channels(0.3) + to_onnx()")]
    ['PruneChannels', 'ToOnnx']
    """
    return tuple(_step_of(node, brief(text)) for node in _nodes(text))


def split_recipe(text: str) -> tuple[str, ...]:
    """The texts of a recipe's steps, whether these are known here or not; raises `BadInput` where the text is no recipe.

    >>> split_recipe("student('a + b') + to_onnx()")
    ("student('a + b')", 'to_onnx()')
    """
    return tuple(map(ast.unparse, _nodes(text)))


def _nodes(text: str) -> list[ast.expr]:
    if text.strip() in ("", "as given"):
        return []
    if len(text) > LONGEST:
        raise BadInput(f"recipe {brief(repr(text))} has {len(text)} characters; {LONGEST} is the most")
    try:
        return _terms(ast.parse(text, mode="eval").body)
    except SyntaxError as error:
        raise BadInput(f"recipe {brief(text)!r} can't be read: {error.msg} at column {error.offset}; {_FORM}") from error
    except (ValueError, RecursionError, MemoryError) as error:  # a zero byte; brackets in brackets
        raise BadInput(f"recipe {brief(text)!r} can't be read: {first_line(error)}; {_FORM}") from error


def _terms(node: ast.expr) -> list[ast.expr]:
    terms = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        terms.append(node.right)
        node = node.left
    return [node, *reversed(terms)]


def _step_of(node: ast.expr, text: str) -> Step:
    if isinstance(node, ast.Name):
        node = ast.Call(func=node, args=[], keywords=[])
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise BadInput(f"recipe {text!r}: {brief(ast.unparse(node))!r} is not a step; {_FORM}")
    name = node.func.id
    cls = STEPS.get(name)
    try:
        positional = [_literal(arg) for arg in node.args]
        named = {str(keyword.arg): _literal(keyword.value) for keyword in node.keywords}
    except ValueError as error:
        raise BadInput(f"recipe {text!r}: the settings of {name} must be plain values such as 0.3, 'text' or (1, 2)") from error
    fields = [field.name for field in dataclasses.fields(cls)]
    check_settings(name, cls, dict(zip(fields, positional, strict=False)) | named)
    try:
        step: Step = cls(*positional, **named)
    except TypeError as error:
        reason = str(error).replace(f"{camel_case(name)}.__init__()", name)
        raise BadInput(f"recipe {text!r}: {reason}; its settings are {', '.join(fields) or 'none'}") from error
    return step


def _literal(node: ast.expr) -> Any:
    value = ast.literal_eval(node)
    return tuple(value) if isinstance(value, list) else value


def exports(cls: Any, consumed: str, produced: str) -> bool:
    """Return whether a step's class only turns one format into another, these two."""
    return "export" in cls.effects and (cls.consumes, cls.produces) == (consumed, produced)
