import re
from dataclasses import replace

import pytest

from thimble.core.study import Advice, Finding, Limits
from thimble.core.summary import Interval, Row, Summary
from thimble.core.text import markdown as escaped
from thimble.core.text import markdown_code as code
from thimble.report.markdown import markdown_text

SURE, UNSURE = Interval(2.0, 1.9, 2.1), Interval(1.02, 0.98, 1.06)


def row(name, runtime="pytorch", recipe="as given", mb=10.0, **figures):
    given = {"compression": 40.0 / mb, "speedup": SURE, "latency_p50_ms": Interval(5.0, 4.9, 5.1), "drop": Interval(0.1, -0.4, 0.6),
             "quality": Interval(98.0, 97.0, 99.0)}  # fmt: skip
    return Row(name, "", recipe, runtime, "ok", size_mb=mb, **given | figures)


BASELINE = row("baseline", mb=40.0, speedup=Interval(1, 1, 1), drop=Interval(0, 0, 0), sparsity=0.0)


@pytest.fixture
def page(golden_named):
    """The page of some made-up rows, their names as code."""

    def write(*rows, chosen=None, best=None, limits=None, **changes):
        study = golden_named("lab").study
        study = replace(study, limits=limits or Limits())
        return markdown_text(study, Summary((BASELINE, *rows), chosen, True, "Ship it.", best or {}, **changes))

    return write


def test_faster_is_said_only_where_it_is_proven(page):
    assert "2.0x (1.9-2.1) faster than the baseline" in page(row("a"), best={"fastest": "a"})
    text = page(row("a", speedup=UNSURE), best={"fastest": "a"})
    assert "faster than the baseline" not in text
    assert "not proven faster or slower than the baseline, 1.02x (0.98-1.06)" in text
    assert "slower than the baseline, at 0.80x (0.77-0.84) of its speed" in page(
        row("a", speedup=Interval(0.8, 0.77, 0.84)), best={"fastest": "a"}
    )


def test_losses_and_gains_are_said_only_where_they_are_proven(page):
    def of(low, value, high):
        return page(row("a", drop=Interval(value, low, high)), best={"smallest": "a"})

    assert "it loses 1.00 points (0.50 to 1.50)" in of(0.5, 1.0, 1.5)
    assert "it gains 1.00 points (0.50 to 1.50)" in of(-1.5, -1.0, -0.5)
    assert "no loss is proven, 0.50 points (-0.10 to 1.10)" in of(-0.1, 0.5, 1.1)


def test_ties_are_named(page):
    text = page(row("a"), row("b", speedup=Interval(1.95, 1.85, 2.05)), row("c", speedup=Interval(1.5, 1.4, 1.6)), best={"fastest": "a"})
    assert "No proven difference from `b`." in text


def test_runtime_is_told_from_technique(page):
    text = page(row("onnx", "onnxruntime", "to_onnx()"), row("int8", "onnxruntime", "to_onnx() + onnx_quantize_static()"))
    assert "The runtime by itself, with the same FP32 weights: `onnx` in ONNX Runtime is 2.0x (1.9-2.1) faster than the baseline." in text
    assert "The runtime by itself" not in page(row("int8", "onnxruntime", "to_onnx() + onnx_quantize_static()"))


def test_zeroed_weights_are_explained(page):
    text = page(row("pruned", mb=40.0, sparsity=50.0, size_deflated_mb=20.0, speedup=UNSURE))
    assert "`pruned` holds 50.0 % zeros in 40.0 MB (20.0 MB deflated), and is not proven faster or slower" in text
    assert "Zeroed weights" not in page(row("small", mb=20.0, sparsity=50.0))


def test_finetuning_is_credited_only_where_intervals_part(page):
    bad, good = Interval(40.0, 36.0, 44.0), Interval(98.0, 97.0, 99.0)
    tuned = row("tuned", recipe="prune_channels(0.3) + finetune(2)", quality=good)
    assert "`p` scores 40.00 %, `tuned` 98.00 %" in page(row("p", recipe="prune_channels(0.3)", quality=bad), tuned)
    assert "Fine-tuning" not in page(row("p", recipe="prune_channels(0.3)", quality=good), tuned)


def test_smaller_and_slower_is_a_trade_off(page):
    assert "`a` is 4.00x smaller, but slower than the baseline" in page(row("a", speedup=Interval(0.4, 0.39, 0.41)))
    assert "Smaller is not always faster" not in page(row("a"))


def test_price_of_speed(page):
    fast, safe = row("fast", speedup=Interval(9.0, 8.9, 9.1), drop=Interval(2.0, 1.0, 3.0)), row("safe")
    text = page(fast, safe, best={"fastest": "fast"})
    assert "the fastest, `fast`, is 9.0x (8.9-9.1) faster than the baseline, and it loses 2.0 points" in text
    assert "The fastest without a proven loss is `safe`" in text


def test_phone_gets_a_proven_one_and_a_warning_about_latency(page):
    small = row("small", "onnxruntime", "to_onnx() + onnx_quantize_static()", mb=2.0, drop=Interval(2.0, 1.0, 3.0))
    sure = row("sure", "onnxruntime", "to_onnx() + onnx_quantize_static()", mb=8.0)
    text = page(small, sure, row("torch", mb=1.0))
    assert "For a phone: `sure`, the smallest that is proven to lose no more than 1 point." in text
    assert "Latency does not carry over: 5.00 ms was measured on AMD EPYC-Milan with 2 threads." in text
    assert "`small`, the surest so far: it loses 2.0 points (1.0 to 3.0), so 1 point at most is not proven" in page(small)
    assert "For a phone: `small`." in page(small, sure, chosen="small")
    assert "`small`, the smallest that is proven to lose no more than 4 points" in page(small, sure, limits=Limits(max_drop=4.0))
    assert "none of the measured candidates runs in a runtime that is made for phones" in page(row("torch"))


def test_finding_shows_only_the_evidence_that_its_sentence_lacks(page):
    finding = Finding("islands", "11 convolutions stay in float.", {"convolutions": 11, "share_of_time": 0.4321, "nodes": ["a"]})
    assert "- `a`: 11 convolutions stay in float (share of time 43.2 %)." in page(row("a"), findings=(("a", finding),))


def test_warnings_of_one_kind_are_told_once(page):
    wide = [Advice("wide", f"the interval of {name} is wide", name) for name in "abc"]
    text = page(*map(row, "abc"), warnings=(Advice("busy", "the machine was busy"), *wide))
    assert "- The machine was busy.\n- `a`: the interval of a is wide. The same holds for `b` and `c`.\n" in text
    assert "- `b`: the interval of b is wide.\n" in page(*map(row, "ab"), warnings=tuple(wide[:2]))


def test_candidates_with_the_same_verdict_stand_together(page):
    text = page(row("a", verdict="beaten by c"), row("b", verdict="beaten by c"), row("c", verdict="chosen"), chosen="c")
    assert "- `a` and `b`: beaten by c\n" in text
    assert "`c`: chosen" not in text


def test_limits_and_their_verdicts(page):
    text = page(row("a", limits={"drop": "met", "latency": "not proven"}), chosen="a", limits=Limits(max_drop=1.0, max_latency=5.0))
    assert "Limits: a drop of at most 1 point and at most 5 ms; the least latency wins. Of `a`: drop met, latency not proven." in text


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a|b", "*x* _y_ `z`", "[a](b)", "![a](b)", "# a", "~~a~~", "$x$", "&lt;", "\\"]
)
def test_foreign_text_is_no_markup(text):
    safe = escaped(text)
    assert not re.search(r"(?<!\\)[*_`\[\]<>|#~$]", safe.replace("\\\\", ""))
    assert not re.search(r"&(?!amp;)", safe)


@pytest.mark.parametrize("text", ["plain", "a`b", "``", "`", "a|b"])
def test_code_span_holds_anything(text):
    span = code(text)
    fence = re.match("`+", span).group()
    inner = span[len(fence) : -len(fence)]
    assert span.endswith(fence)
    assert fence not in inner.replace("\\|", "")
    assert inner.strip().replace("\\|", "|") == text


def test_no_foreign_markup_on_any_page(golden):
    text = markdown_text(golden.study, golden.summary)
    outside = re.sub(r"(`+).*?\1", "", text)
    assert "<script>" not in outside.replace("\\<script\\>", "")
    assert text.count("\n# ") == 0
