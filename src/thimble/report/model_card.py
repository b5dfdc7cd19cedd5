"""``MODEL_CARD.md``: the chosen candidate as a card for the Hugging Face Hub, its README.md there.

The card's head is YAML, of which JSON is a part: every value stands in it as JSON writes it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.study import Candidate, Study
from thimble.core.summary import Row, Summary
from thimble.core.text import markdown as escaped
from thimble.core.text import markdown_code as code
from thimble.core.text import plain
from thimble.report import _words as words
from thimble.report._files import write_text

LIBRARIES = {"onnxruntime": "onnx", "openvino": "openvino", "litert": "tflite", "pytorch": "pytorch", "executorch": "executorch"}
"""A runtime's name on the Hub."""


class ModelCard:
    """What the chosen candidate is, what it was measured to cost, and on what; written where it is asked for."""

    files: ClassVar[tuple[str, ...]] = ("MODEL_CARD.md",)
    on_request: ClassVar[bool] = True

    def write(self, study: Study, summary: Summary, folder: Path) -> list[Path]:
        """Write ``MODEL_CARD.md`` into ``folder``; raises `CannotWrite`."""
        return [write_text(folder / self.files[0], card_text(study, summary))]


def card_text(study: Study, summary: Summary) -> str:
    """The card; of a study without a choice one that says so."""
    name = study.chosen or (study.candidates[0].name if len(study.candidates) == 1 else None)
    row = next((row for row in summary.rows if row.name == name), None)
    if name is None or row is None:
        return f"# {escaped(study.model)}\n\nNo candidate was chosen: there is no model to describe.\n"
    candidate = study.candidate(name)
    head = "\n".join(f"{key}: {json.dumps(value)}" for key, value in _head(study, candidate, row).items())
    base = study.candidates[0].name
    parts = [
        f"---\n{head}\n---",
        f"# {escaped(name)}",
        escaped(summary.recommendation),
        f"Made from {code(study.model)} by {code(candidate.recipe)}; it runs in {escaped(words.runtime_title(candidate.runtime))}.",
        "## Measured",
        _figures(study, row),
        f"Brackets hold 95 % intervals. Ratios and the drop are against {code(base)}, paired round by round and sample by sample.",
        "## Conditions",
        "\n".join(f"- {label}: {escaped(text)}" for label, text in words.conditions(study).items()),
        "## Limits of these figures",
        "The latency is this machine's: another one may order candidates differently. Thimble can't know the licence, the intended use "
        "and the risks: add them.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(study: Study, candidate: Candidate, row: Row) -> dict[str, Any]:
    """The card's metadata; results only where the metric is accuracy on images, since the Hub wants the task's name."""
    effects = sorted({step.name.split("_")[0] for step in candidate.steps})
    head: dict[str, Any] = {
        "library_name": LIBRARIES.get(candidate.runtime, candidate.runtime),
        "tags": ["thimble", *([candidate.artifact.format] if candidate.artifact else []), *effects],
        "metrics": [study.task.metric],
    }
    if row.quality is not None and study.task.metric == "accuracy" and study.task.preprocess is not None:
        measured = {"type": "accuracy", "value": round(row.quality.value / 100, 6), "name": "accuracy on the test split"}
        result = {
            "task": {"type": "image-classification"},
            "dataset": {"name": plain(study.task.name), "type": plain(study.task.name)},
            "metrics": [measured],
        }
        head["model-index"] = [{"name": plain(candidate.name), "results": [result]}]
    return head


def _figures(study: Study, row: Row) -> str:
    cells = (
        ("size of everything that ships", words.figure(row.size_mb, " MB"), words.times(row.compression)),
        ("latency, median", words.interval(row.latency_p50_ms, " ms"), words.interval(row.speedup, "x")),
        (escaped(words.metric_title(study.task)), words.quality(row.quality, words.metric_unit(study.task, escaped)), ""),
        ("drop", words.points(row.drop), ""),
        ("peak memory above the empty runtime", words.figure(row.memory_mb, " MB"), ""),
        ("parameters", words.count(row.parameters), ""),
        ("MACs", words.count(row.macs), ""),
    )
    lines = [f"| {name} | {text} | {ratio} |" for name, text, ratio in cells if text]
    return "\n".join(["| figure | | against the baseline |", "| --- | --- | --- |", *lines])
