"""The zoo's page: ``docs/zoo.md``'s tables, written between their marks from what is recorded."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from zoo_list import MODELS, SPECIAL

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"
COLUMNS = (
    ("onnx", "ONNX FP32"),
    ("onnx-fp16", "FP16 storage"),
    ("onnx-int8", "static INT8"),
    ("onnx-int8-unsigned", "unsigned"),
    ("onnx-int8-percentile", "percentile"),
    ("onnx-int8-dynamic", "dynamic"),
    ("int8-static", "PyTorch INT8"),
)
PRUNED = "prune"
BEGIN, END = "<!-- tables: written by benchmarks/fit/zoo.py --table -->", "<!-- end of tables -->"


def write(models: dict[str, Any]) -> None:
    """Put the tables into the page."""
    text = PAGE.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    PAGE.write_text(before + BEGIN + "\n\n" + "\n".join(tables(models)) + "\n\n" + after)


def tables(models: dict[str, Any]) -> list[str]:
    """A summary, a row for each model, and every reason."""
    classifiers = {name: models[name] for name in MODELS if name in models}
    through = [name for name, model in classifiers.items() if passes(model)]
    missing = [name for name in [*SPECIAL, *MODELS] if name not in models]
    counts: dict[str, int] = defaultdict(int)
    for model in models.values():
        for outcome in model["recipes"]:
            counts[outcome["status"]] += 1
    said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    tried = f"{len(classifiers)} of the {len(MODELS)} classifiers that the rule names were tried"
    lines = [
        f"{tried}; {len(through)} of these went through without an unexplained failure.",
        f"Outcomes of all {sum(counts.values())} recipes: {said}.",
        *([f"Not tried: {', '.join(missing)}."] if missing else []),
        "",
    ]
    header = ["model", "pixels", "MB, FP32", "MB, INT8", *(title for _, title in COLUMNS), "pruned + INT8", "seconds"]
    lines += ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return lines + [row(name, model) for name, model in models.items()] + ["", *reasons(models)]


def passes(model: dict[str, Any]) -> bool:
    """Whether a model was opened, and every recipe ended in an artifact or a reason."""
    return bool(model["recipes"]) and all(outcome["status"] != "unexplained" for outcome in model["recipes"])


def row(name: str, model: dict[str, Any]) -> str:
    if not model["recipes"]:
        return f"| {name} | | | | refused: {model['refused']} |"
    found = {outcome["recipe"]: outcome for outcome in model["recipes"]}
    pruned = next((outcome for key, outcome in found.items() if key.startswith(PRUNED)), None)
    cells = [name, str(model["size"] or ""), size(found.get("onnx")), size(found.get("onnx-int8"))]
    cells += [cell(found.get(key)) for key, _ in COLUMNS]
    cells += ["" if pruned is None else f"{pruned['mb']:.3g} MB" if pruned["status"] == "ok" else cell(pruned), f"{model['seconds']:.0f}"]
    return "| " + " | ".join(cells) + " |"


def size(outcome: dict[str, Any] | None) -> str:
    return f"{outcome['mb']:.3g}" if outcome and outcome["mb"] is not None else ""


def cell(outcome: dict[str, Any] | None) -> str:
    """The SQNR in dB, or a word whose reason stands below."""
    if outcome is None:
        return ""
    if outcome["status"] == "ok":
        return f"{outcome['sqnr_db']:.0f}" if outcome["sqnr_db"] is not None else "ok"
    return {"not applicable": "n/a", "unexplained": "**unexplained**"}.get(outcome["status"], outcome["status"])


def reasons(models: dict[str, Any]) -> list[str]:
    """Every reason, with the models and recipes that it was given for."""
    given: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, model in models.items():
        for outcome in model["recipes"]:
            if outcome["status"] != "ok":
                given[outcome["status"], outcome["reason"]][name].append(outcome["recipe"])
    lines = ["| status | reason | for |", "| --- | --- | --- |"]
    for (status, reason), where in given.items():
        told = "; ".join(f"{name} ({', '.join(recipes)})" for name, recipes in where.items())
        lines.append(f"| {status} | {reason.replace('|', '/')} | {told} |")
    return lines


if __name__ == "__main__":
    write(json.loads((Path(__file__).parent / "results" / "zoo.json").read_text())["models"])
