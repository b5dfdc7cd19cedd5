import csv
import io

from thimble.report.csv import csv_text

SPEC = [
    *("name", "recipe", "runtime", "status", "reason"),
    *("size_mb", "size_deflated_mb", "parameters", "nonzero_parameters", "sparsity", "macs"),
    *("latency_mean_ms", "latency_std_ms", "latency_p50_ms", "latency_p95_ms", "speedup", "speedup_low", "speedup_high", "compression"),
    *("accuracy", "accuracy_relative", "accuracy_drop", "drop_low", "drop_high", "agreement"),
    *("peak_memory_mb", "load_ms", "first_inference_ms", "precision", "efficiency"),
]


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_columns_are_the_promised_ones_in_their_order(golden):
    assert csv_text(golden.summary).splitlines()[0].split(",") == SPEC


def test_one_line_a_candidate_whatever_it_is_called(golden):
    text = csv_text(golden.summary)
    assert len(text.splitlines()) == len(golden.summary.rows) + 1
    assert len(read(text)) == len(golden.summary.rows)


def test_figures_are_those_of_the_summary(golden_named):
    golden = golden_named("lab")
    for line, row in zip(read(csv_text(golden.summary)), golden.summary.rows, strict=True):
        assert float(line["size_mb"]) == round(row.size_mb, 4)
        assert abs(float(line["speedup_low"]) / row.speedup.low - 1) < 1e-5
        assert abs(float(line["drop_high"]) - row.drop.high) < 1e-4
        assert abs(float(line["efficiency"]) * float(line["latency_p50_ms"]) * float(line["size_mb"]) / float(line["accuracy"]) - 1) < 1e-4
        assert int(line["parameters"]) == row.parameters


def test_what_was_not_measured_is_empty(golden_named):
    for line in read(csv_text(golden_named("failures").summary)):
        assert line["reason"]
        assert all(line[column] == "" for column in SPEC[5:])
    for line in read(csv_text(golden_named("no-latency").summary)):
        assert line["latency_p50_ms"] == line["speedup"] == line["efficiency"] == ""
        assert line["accuracy"]
