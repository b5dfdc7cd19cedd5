"""Look through a ``torch.export`` archive before PyTorch opens it, since opening one can run code.

The loader of PyTorch unpickles members without restriction where it has to, loads compiled libraries, evaluates
the expressions of symbolic sizes, and finds functions by dotted names from ``torch`` on. A model needs none of that:
its pickles hold tensors, its expressions are sums and products of named sizes, its functions are registered operators.
"""

from __future__ import annotations

import ast
import io
import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import msgspec

from thimble.core.errors import BadInput
from thimble.fetch.archive import check_archive
from thimble.fetch.user_file import foreign
from thimble.models._state import unpickled

_OPERATOR = re.compile(
    r"torch\.ops\.(aten|prims|quantized|quantized_decomposed|torchvision|higher_order)\.[a-z_]\w*(\.\w+)?|math\.[a-z]\w*"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|pow|neg|pos|eq|ne|lt|le|gt|ge|and_|or_|xor|not_|abs|lshift|rshift)"
    r"|torch\.(_sym|sym)_[a-z]\w*"
)
_FORBIDDEN = re.compile(r".*(\.aten\.(save|from_file)\b|triton|__(?!(and|or|xor|lshift|rshift)__\.|\.)).*")
"""Operators that touch files, compile what they are given, or are Python's own attributes (``&`` is ``aten.__and__``)."""
_NAMES = re.compile(r"\w*")
_PATHS = re.compile(r"[^\"'\\\n\r(){};]*")
"""Names end up in Python that PyTorch generates and executes, paths between quotes in it."""
_SYMBOL = re.compile(r"[a-z]{1,5}\d+")
_FUNCTIONS = """Symbol Integer Rational Float Add Mul Pow Max Min Abs Mod Eq Equality Ne Unequality Lt StrictLessThan Le LessThan
    Gt StrictGreaterThan Ge GreaterThan And Or Not Piecewise ExprCondPair FloorDiv ModularIndexing Where PythonMod
    CleanDiv CeilToInt FloorToInt CeilDiv LShift RShift PowByNatural FloatPow FloatTrueDiv IntTrueDiv
    IsNonOverlappingAndDenseIndicator TruncToFloat TruncToInt RoundToInt RoundDecimal ToFloat Identity
    true false oo int_oo"""
_PLAIN = (
    ast.Expression, ast.Call, ast.keyword, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Compare, ast.cmpop, ast.Load, ast.Tuple,
)  # fmt: skip
_STRUCTURES = (None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")


class _Entry(msgspec.Struct):
    """Where the archive keeps one tensor; ``use_pickle`` is anything that the loader takes for true."""

    path_name: str
    use_pickle: Any = False


class _Config(msgspec.Struct):
    """What the archive says of its weights or its constants."""

    config: dict[str, _Entry] = {}


def check_pt2(path: Path) -> None:
    """Raise `BadInput`, in one line, for an archive that is damaged, hostile, or holds anything that would be executed."""
    import torch

    if not path.is_file():
        raise BadInput(f"there is no model at {path}")
    members = check_archive(path)
    if not members:
        raise BadInput(f"{path} is not a torch.export archive, or it is truncated")
    if any(member.filename.rpartition("/")[2].startswith("serialized_") for member in members):
        raise BadInput(f"{path} is an archive of an older PyTorch, which is not opened; export the model again with torch.export.save")
    try:
        _check_members(torch._C.PyTorchFileReader(str(path)), path)
    except (RuntimeError, ValueError, msgspec.ValidationError) as error:  # the reader's; no JSON or no text; not the loader's fields
        raise BadInput(f"{path} is not a torch.export archive, or it is damaged ({foreign(error)})") from error


def _check_members(reader: Any, path: Path) -> None:
    """What the loader would read, read the way it does: one program, no compiled code, pickles of tensors alone."""
    names = reader.get_all_records()
    compiled = [name for name in names if name.startswith("data/aotinductor/")]
    if compiled:
        raise BadInput(f"{path} holds compiled code ({compiled[0]}), which is not opened; export the model with torch.export.save")
    models = [name for name in names if name.startswith("models/")]
    if models != ["models/model.json"]:
        raise BadInput(f"{path} holds {len(models) or 'no'} exported models; it must hold one, as torch.export.save writes it")
    for name in _pickles(reader, names, path):
        _check_pickle(reader.get_record(name), name, path)
    _check_program(_json(reader, models[0], path), path)


def _pickles(reader: Any, names: list[str], path: Path) -> Iterator[str]:
    """The members that the loader unpickles; raises for those that hold other objects than tensors on purpose."""
    yield from (name for name in names if name.startswith("data/") and name.endswith((".pt", ".pth", ".pkl")))
    for kind in ("weights", "constants"):
        config = f"data/{kind}/model_{kind}_config.json"
        entries = msgspec.convert(_json(reader, config, path), _Config).config if config in names else {}
        for entry in entries.values():
            member = posixpath.join(f"data/{kind}", entry.path_name)
            if entry.path_name.startswith(("custom_obj", "opaque_obj")):
                raise BadInput(f"{path} holds a pickled object ({member}) that would run code; it was not opened")
            if entry.use_pickle:
                yield member


def _check_pickle(content: bytes, name: str, path: Path) -> None:
    try:
        unpickled(io.BytesIO(content))
    except UnpicklingError as error:
        raise BadInput(f"{path} holds {name}, which would run code when loaded or is damaged; it was not opened") from error


def _json(reader: Any, name: str, path: Path) -> Any:
    found = json.loads(reader.get_record(name))
    if not isinstance(found, dict):
        raise BadInput(f"{path} is damaged: its {name} is not a dictionary")
    return found


def _check_program(root: Any, path: Path) -> None:
    """Look at every text of the program that PyTorch resolves, evaluates or writes into code."""
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            for key, part in value.items():
                for text in part if isinstance(part, list) else [part]:
                    if isinstance(text, str):
                        _check_text(key, text, path)
                waiting.append(part)


def _check_text(key: str, text: str, path: Path) -> None:
    if key == "target" and (not _OPERATOR.fullmatch(text) or _FORBIDDEN.fullmatch(text)):
        raise BadInput(f"{path} calls {text[:80]!r}, which is not an operator of PyTorch that a model needs; it was not opened")
    if key == "expr_str" and not _is_arithmetic(text):
        raise BadInput(f"{path} has a size {text[:80]!r}, which is not arithmetic; it was not opened")
    if key in ("in_spec", "out_spec") and not _is_plain_structure(text):
        raise BadInput(f"{path} takes or returns other structures than tuples, lists and dictionaries; it was not opened")
    name = _NAMES if key in ("name", "as_name", "forward_arg_names") else _PATHS if key.endswith("_name") or key == "fqn" else None
    if name and not name.fullmatch(text):
        raise BadInput(f"{path} has a tensor called {text[:80]!r}, which is not a name; it was not opened")


def _is_arithmetic(text: str) -> bool:
    """Return whether an expression is made of numbers, named sizes and known functions of them alone."""
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    for node in nodes:
        if isinstance(node, ast.Name):
            good = node.id in _FUNCTIONS.split() or bool(_SYMBOL.fullmatch(node.id))
        elif isinstance(node, ast.Constant):
            good = isinstance(node.value, int | float) or (isinstance(node.value, str) and bool(_SYMBOL.fullmatch(node.value)))
        else:
            good = isinstance(node, _PLAIN) and (not isinstance(node, ast.Call) or isinstance(node.func, ast.Name))
        if not good:
            return False
    return True


def _is_plain_structure(text: str) -> bool:
    try:
        waiting = [json.loads(text)[1]]
        while waiting:
            part = waiting.pop()
            if part["type"] not in _STRUCTURES or "__enum__" in (part["context"] or ""):
                return False
            waiting += part["children_spec"]
    except (ValueError, RecursionError, KeyError, IndexError, TypeError):
        return False
    return True
