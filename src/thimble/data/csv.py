"""A table with a row for each sample: ``csv:FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import BadInput, MissingExtra
from thimble.core.paths import user_path
from thimble.core.task import Task, TaskSpec
from thimble.core.values import listed
from thimble.data._arrays import Raw, arrays_task, checked_array
from thimble.data._foreign import decoding

LABELS = ("label", "labels", "target", "class", "y")
"""Names of the column that holds the labels."""
SEPARATORS = (",", ";", "\t")
MOST_CLASSES = 1000
"""Different texts that a column of labels may hold."""


class Csv:
    """``csv:FILE`` or ``csv:FILE:COLUMN``: numbers, and labels in COLUMN, else in one called label, target, class or y, else none.

    All other columns together are one input, in their order, called ``input``; whole ones too, as ``float32``. Labels of text are
    classes in sorted order. Columns of text and rows with gaps are refused by name. Read by pandas.
    """

    title: ClassVar[str] = "a table, a row for each sample"
    form: ClassVar[str] = "csv:FILE"
    needs: ClassVar[tuple[str, ...]] = ("pandas",)
    extra: ClassVar[str | None] = "csv"

    def open(self, spec: TaskSpec) -> Task:
        """The task. Raises `MissingExtra` without pandas, `BadInput` for tables that can't be used."""
        path, column = _parted(spec.argument)
        table = _table(path)
        names = [str(name) for name in table.columns]
        label = column or next((name for wanted in LABELS for name in names if name.strip().lower() == wanted), None)
        if label is not None and label not in names:
            raise BadInput(f"{path} has no column {label!r}; it has {listed(names)}")
        inputs = [name for name in names if name != label]
        texts = [name for name in inputs if table[name].dtype.kind not in "fiub"]
        if texts or not inputs:
            raise BadInput(
                f"{path} has text in {listed(texts)}; give numbers: encode categories first"
                if texts
                else f"{path} has no column of samples"
            )
        if gaps := [name for name in names if table[name].isna().any()]:
            raise BadInput(f"{path} has gaps in {listed(gaps)}; fill them, or drop those rows")
        raw: Raw = {("x", "", "input"): checked_array(table[inputs].to_numpy(dtype="float32"), "x", path)}
        extras: dict[str, Any] = {}
        if label is not None:
            raw["y", "", "input"], extras = _labels(table[label], path)
        note = f"columns {listed(inputs, 4)} are the input" + (f", {label} the label" if label else "; no column is the label")
        return arrays_task(raw, extras, spec, path, (note,))


def _parted(argument: str) -> tuple[Path, str | None]:
    path = user_path(argument)
    if path.is_file() or ":" not in argument:
        return path, None
    head, _, column = argument.rpartition(":")
    return user_path(head), column


def _table(path: Path) -> Any:
    if not path.is_file():
        raise BadInput(f"there is no file {str(path)!r}; write csv:FILE with a table that names its columns in the first line")
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise MissingExtra("pandas", "csv") from error
    with decoding(path, "can't be read as a table: {}"):
        with path.open(encoding="utf-8-sig") as stream:
            first = stream.readline()
        table = pandas.read_csv(path, sep=max(SEPARATORS, key=first.count), encoding="utf-8-sig")
    if not len(table):
        raise BadInput(f"{path} has no rows")
    return table


def _labels(column: Any, path: Path) -> tuple[Any, dict[str, Any]]:
    """Labels as arrays, and the names of classes where they are text."""
    import numpy as np

    if column.dtype.kind in "fiub":
        return checked_array(column.to_numpy(), str(column.name), path), {}
    texts = column.astype(str)
    labels = sorted(set(texts))
    if len(labels) > MOST_CLASSES:
        raise BadInput(
            f"{path}: the column {column.name} holds {len(labels):,} different texts, which are no classes; {MOST_CLASSES:,} is the most"
        )
    places = {text: i for i, text in enumerate(labels)}
    return np.asarray([places[text] for text in texts]), {"labels": np.asarray(labels), "metric": "accuracy"}
