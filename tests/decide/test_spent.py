"""What a study's time went to."""

from __future__ import annotations

from dataclasses import replace

from thimble.core.study import StepRecord
from thimble.decide.spent import spent
from thimble.report.html import html_text
from thimble.report.markdown import markdown_text


def step(name: str, key: str, seconds: float, cached: bool = False, **notes: int) -> StepRecord:
    return StepRecord(name, f"{name}()", {}, 1, seconds, cached, "onnx", key, dict(notes))


def test_steps_count_once_and_those_from_the_store_not_at_all(make) -> None:
    study = make(make.baseline, make.onnx, make.static)
    steps = {
        "onnx": (step("to_onnx", "a", 4.0),),
        "static": (step("finetune", "b", 30.0, samples_seen=9), step("to_onnx", "a", 4.0), step("quantize", "c", 8.0, cached=True)),
    }
    study = replace(study, candidates=tuple(replace(c, steps=steps.get(c.name, ())) for c in study.candidates))
    times = {one.name: one for one in spent(study)}
    assert (times["onnx"].building, times["onnx"].training) == (4.0, 0.0)
    assert (times["static"].building, times["static"].training) == (0.0, 30.0)
    rounds = study.runs[0].rounds
    assert sum(one.timing for one in times.values()) == rounds[-1].at_s + 1.0, "thirty rounds of a second each"
    look = replace(study, joint_run=None)
    assert {one.name: one.timing > 0 for one in spent(look)} == {"onnx": True, "static": True}, (
        "a look is for what stands beside the baseline"
    )


def test_reports_show_it_of_a_search_with_why_it_ended(make) -> None:
    from thimble.decide.summarize import summarize

    study = make(make.baseline, make.onnx, make.static)
    for ended in ("", "there is no time <left>"):
        asked = replace(study, ended=ended)
        page, text = html_text(asked, summarize(asked)), markdown_text(asked, summarize(asked))
        assert ("Where the time went" in page) == ("Where the time went" in text) == bool(ended)
    assert "there is no time &lt;left&gt;" in page
