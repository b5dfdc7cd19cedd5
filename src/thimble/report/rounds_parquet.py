"""``rounds.parquet``: the same as ``rounds.csv`` with types, for pandas, Polars and DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from thimble.core.study import Study
from thimble.core.summary import Summary
from thimble.report._files import write_with
from thimble.report.rounds import COLUMNS, timings


class RoundsParquet:
    """The raw times as Parquet, written where it is asked for."""

    files: ClassVar[tuple[str, ...]] = ("rounds.parquet",)
    on_request: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("pyarrow",)
    extra: ClassVar[str | None] = "parquet"

    def write(self, study: Study, summary: Summary, folder: Path) -> list[Path]:
        """Write ``rounds.parquet`` into ``folder``; raises `CannotWrite`."""
        import pyarrow as pa
        from pyarrow import parquet

        types = (pa.string(), pa.bool_(), pa.string(), pa.string(), *[pa.int32()] * 4, *[pa.float64()] * 4)
        rows = list(timings(study))
        columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
        table = pa.table({name: pa.array(column, kind) for name, column, kind in zip(COLUMNS, columns, types, strict=True)})
        return [write_with(folder / self.files[0], lambda path: parquet.write_table(table, path))]
