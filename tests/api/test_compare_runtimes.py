"""One model in the runtimes that are here: one table, one picture, a study for each number of threads."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from thimble import CompareRuntimes, compare_runtimes
from thimble.core.errors import BadInput, UnknownName
from thimble.core.sampling import Sampling
from thimble.core.study import read_study
from thimble.decide.runtimes import runtimes_compared
from thimble.engine.store import Store

TINY = f"{Path(__file__).parents[1] / 'tiny.py'}:network"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_model_in_every_precision_of_a_runtime(tmp_path: Path) -> None:
    asked = CompareRuntimes(
        TINY, "digits", size=16, threads=(1,), runtimes=("onnxruntime",), sampling=Sampling(rounds=5), out=tmp_path / "out"
    )
    studies = compare_runtimes(asked, store=Store(tmp_path / "store"))
    found = runtimes_compared(studies)
    rows = {row.name: row for row in found.rows}
    assert next(iter(rows)) == "source"
    assert rows["source"].runtime == "pytorch"
    for name in ("onnxruntime", "onnxruntime-quantize-static", "onnxruntime-store-fp16"):
        row = rows[name]
        assert row.status == "ok", row.reason
        assert row.size_mb
        assert row.load_ms
        assert row.sqnr_db is not None
        assert row.largest is not None
    assert rows["onnxruntime"].sqnr_db > 80 > rows["onnxruntime-quantize-static"].sqnr_db > 5  # type: ignore[operator]
    assert rows["onnxruntime-quantize-static"].size_mb < 0.6 * rows["onnxruntime"].size_mb  # type: ignore[operator]
    assert rows["onnxruntime-quantize-recurrent"].reason == "the ONNX file has no LSTM"
    assert read_study(tmp_path / "out" / "threads-1").complete
    with (tmp_path / "out" / "runtimes.csv").open() as file:
        assert [line["name"] for line in csv.DictReader(file)] == list(rows)
    assert (tmp_path / "out" / "runtimes.png").exists()


def test_bad_input_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="nowhere"):
        compare_runtimes(CompareRuntimes(TINY, "digits", runtimes=("nowhere",)))
    with pytest.raises(BadInput):
        compare_runtimes(CompareRuntimes("missing.onnx"))
