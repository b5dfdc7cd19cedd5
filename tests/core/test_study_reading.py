"""A study.json of strangers is read whole or refused in one line, whatever stands in it."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from thimble.core.errors import BadInput, ThimbleError
from thimble.core.study import read_study
from thimble.decide.compare import compare_saved, compare_studies
from thimble.decide.summarize import summarize
from thimble.report._comparison import SideBySide
from thimble.report.csv import csv_text
from thimble.report.html import html_text
from thimble.report.markdown import markdown_text

STORED = Path(__file__).parent.parent / "stored"


def put(path: str, value: Any) -> Callable[[Any], None]:
    """``candidates.0.size.bytes`` is set to a value."""

    def change(study: Any) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
        for part in way:
            study = study[part]
        study[last] = value

    return change


def twice(name: str) -> Callable[[Any], None]:
    return lambda study: study[name].append(study[name][0])


BROKEN = {
    "negative size": (put("candidates/0/size/bytes", -1), "candidates[0].size.bytes must be `int` >= 1, not -1"),
    "negative file": (put("candidates/0/artifact/files/0/bytes", -5), "the artifact of 'baseline' can't be: model.pt2 has -5 bytes"),
    "huge file": (put("candidates/0/artifact/files/0/bytes", 2**60), "has 1152921504606846976 bytes"),
    "negative shape": (put("candidates/0/artifact/inputs/0/shape", [None, -3]), "sizes are 1 or more"),
    "unknown type": (put("candidates/0/artifact/inputs/0/dtype", "text"), "'text', which is not a numeric type"),
    "no size at all": (put("candidates/0/size/bytes", 0), "must be `int` >= 1, not 0"),
    "huge count": (put("candidates/0/size/parameters", 10**30), "parameters"),
    "float count": (put("candidates/0/size/bytes", 1e23), "must be `int`, not 1e+23"),
    "unknown status": (put("candidates/0/status", "great"), "candidates[0].status can't be 'great'"),
    "unknown goal": (put("limits/minimize", "beauty"), "limits.minimize can't be 'beauty'"),
    "huge limit": (put("limits/max_drop", 1e308), "limits.max_drop must be `float` <= 1000000000"),
    "negative limit": (put("limits/max_drop", -3), "limits.max_drop must be `float` >= 0.0, not -3"),
    "time of nothing": (put("runs/0/rounds/0/samples_ms", {"baseline": [0]}), "samples_ms"),
    "negative time": (put("runs/0/rounds/0/samples_ms", {"baseline": [-1.5]}), "samples_ms"),
    "endless time": (put("runs/0/rounds/0/samples_ms", {"baseline": [1e308]}), "samples_ms"),
    "no time": (put("runs/0/rounds/0/samples_ms", {"baseline": []}), "has no timing of 'baseline'"),
    "stranger's time": (put("runs/0/rounds/0/samples_ms", {"nobody": [1.0]}), "holds 'nobody', which its members don't"),
    "strange reference": (put("runs/0/reference", "nobody"), "reference 'nobody'"),
    "threads": (put("threads", 0), "threads must be `int` >= 1, not 0"),
    "candidate twice": (twice("candidates"), "more than one candidate is called 'baseline'"),
    "run twice": (twice("runs"), "more than one measuring run is called"),
    "strange choice": (put("chosen", "nobody"), "chosen is 'nobody', but there is no such candidate"),
    "strange run": (put("joint_run", "nobody"), "joint_run is 'nobody', but there is no such run"),
    "half right": (put("candidates/0/quality/test/scores", [0.5, 1.0]), "must be 0 or 1 each"),
    "rows": (put("candidates/0/quality/test/scores", [[1.0], [1.0, 2.0]]), "differ in their number of figures"),
    "graph": (put("candidates/0/probes", {"graph": {"nodes": 0}}), "what is known of 'baseline' can't be used"),
    "notes": (lambda study: study["candidates"][-1]["steps"][0]["notes"].update(calibration_samples="many"), "can't be used"),
    "text": (put("seconds", "nan"), "seconds must be `float`, not 'nan'"),
    "list": (put("candidates", {}), "candidates must be `array`"),
    "schema": (put("schema", ["x"] * 10_000), "has schema none"),
}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "study.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("kind", BROKEN)
def test_what_does_not_hold_together_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    change, words = BROKEN[kind]
    study = json.loads((STORED / "lab.json").read_text(encoding="utf-8"))
    change(study)
    with pytest.raises(BadInput) as error:
        read_study(written(tmp_path, json.dumps(study)))
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 + len(str(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"schema": 1, "a":' * 100_000,
        '{"schema": 1e400}',
        '{"schema": 1, "seconds": NaN}',
        b"\xff\xfe",
        b"",
        "1" * 10_000,
        "null",
    ],
)
def test_damaged_and_bottomless_files_are_refused(text: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as error:
        read_study(written(tmp_path, text))
    assert "\n" not in str(error.value)


def test_what_is_nested_too_deep_inside_a_study_is_refused(tmp_path: Path) -> None:
    whole = (STORED / "one.json").read_text(encoding="utf-8")
    deep = re.sub(r'"settings":\s*{', '"settings": {"a": ' + "[" * 100_000 + "]" * 100_000 + ", ", whole, count=1)
    with pytest.raises(BadInput, match="nested too deep"):
        read_study(written(tmp_path, deep))


CHANGES = 150
VALUES = [-1, 0, 1, 2**53, 1e-9, 1e15, -1e30, 1e30, 1e308, 10**30, "", "ok", "failed", None, True, [], {}, [0.0], {"a": 1}, 0.5]


def leaves(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    return [way, *(leaf for key, one in inner for leaf in leaves(one, (*way, key)))]


@pytest.mark.parametrize("name", ["measured-lab", "lab", "no-accuracy"])
def test_whatever_is_read_can_be_shown_and_compared(name: str, tmp_path: Path) -> None:
    whole = msgspec.json.decode((STORED / f"{name}.json").read_bytes())
    good = read_study(STORED / f"{name}.json")
    places, chance, read = leaves(whole)[1:], random.Random(0), 0
    for _ in range(CHANGES):
        changed = json.loads(json.dumps(whole))
        for way in chance.sample(places, chance.choice((1, 1, 2))):
            try:
                put("/".join(map(str, way)), chance.choice(VALUES))(changed)
            except (LookupError, TypeError, ValueError):  # the first change took the second's place away
                continue
        try:
            study = read_study(written(tmp_path, json.dumps(changed)))
        except BadInput:
            continue
        read += 1
        try:
            summary = summarize(study)
            shown = [csv_text(summary), markdown_text(study, summary), html_text(study, summary)]
            comparison = compare_studies([good, study], ("a", "b"))
            shown.append(SideBySide().markdown(comparison))
            for candidate in study.candidates[1:3]:
                compare_saved((study, study.candidates[0].name), (study, candidate.name))
        except ThimbleError:
            continue
        assert not [text for text in shown[:2] if re.search(r"\bnan\b|\binf\b", text)]
    assert read
