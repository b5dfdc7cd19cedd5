"""The page in a real browser, opened from disk with the network off. Its pictures are kept in ``tests/output``."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

OUTPUT = Path(__file__).parent.parent / "output"
PHONE, DESKTOP, HUGE = 360, 1440, 3840
DRAWN = "return document.documentElement.dataset.drawn"
POINTS = '.picture[data-picture="{}"] svg .mark-symbol.role-mark.points path'


def opened(browser, pages, name, width=DESKTOP, **scheme):
    """The page of a golden study, once its pictures are drawn."""
    browser.console()
    browser.open(pages / f"{name}.html", width, touch=width == PHONE, **scheme)
    settled(browser)
    return browser


def settled(browser):
    """Wait until the pictures are drawn; the test fails where they never are."""
    for _ in range(200):
        if browser.run(DRAWN):
            return
        time.sleep(0.05)
    pytest.fail(f"the pictures were not drawn; the console says: {browser.console()}")


def column(browser, number):
    """The texts of one column of the visible rows."""
    return browser.texts(f"#table tbody tr:not([hidden]) > :nth-child({number})")


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_every_page_draws_without_complaint(browser, pages, golden, width):
    opened(browser, pages, golden.name, width)
    assert browser.console() == []
    assert browser.run("return document.documentElement.scrollWidth") <= width
    browser.shoot(OUTPUT / f"{golden.name}-{width}.png")


@pytest.mark.parametrize(("name", "width"), [("lab", HUGE), ("forty", HUGE), ("lab", PHONE), ("lab", DESKTOP), ("forty", DESKTOP)])
def test_dark_and_huge_pages_draw_without_complaint(browser, pages, name, width):
    opened(browser, pages, name, width, dark=width != HUGE)
    assert browser.console() == []
    assert browser.run("return document.documentElement.scrollWidth") <= width
    browser.shoot(OUTPUT / f"{name}-{width}-{'huge' if width == HUGE else 'dark'}.png", whole=width != HUGE)


def test_pictures_show_every_measured_candidate(browser, pages, golden_named):
    opened(browser, pages, "forty")
    for kind in ("quality-size", "quality-latency"):
        assert browser.run("return document.querySelectorAll(arguments[0]).length", POINTS.format(kind)) == 40
    assert "Not measured." not in browser.text("#pictures")
    opened(browser, pages, "no-latency")
    assert browser.text("#pictures").count("Not measured.") == 2


def test_table_sorts_both_ways_with_unmeasured_ones_last(browser, pages):
    opened(browser, pages, "lab")
    browser.click("#table thead th:nth-child(3) button")
    sizes = [float(text) for text in column(browser, 3)]
    assert sizes == sorted(sizes)
    assert browser.run("return document.querySelector('#table thead th:nth-child(3)').ariaSort") == "ascending"
    browser.click("#table thead th:nth-child(3) button")
    assert [float(text) for text in column(browser, 3)] == sorted(sizes, reverse=True)
    browser.click("#table thead th:nth-child(1) button")
    assert column(browser, 1)[0].startswith("baseline")
    opened(browser, pages, "long-names")
    for _ in range(2):
        browser.click("#table thead th:nth-child(5) button")
        assert column(browser, 1)[-1].startswith("broken")


def test_filters_narrow_table_and_pictures(browser, pages):
    opened(browser, pages, "lab")
    browser.click('.chip[data-value="ONNX Runtime"]')
    browser.click('.chip[data-value="pruning"]')
    assert [text.split()[0] for text in column(browser, 1)] == ["prune30-onnx-int8"]
    assert browser.text("#shown") == "1 of 14 candidates"
    time.sleep(0.3)
    assert browser.run("return document.querySelectorAll(arguments[0]).length", POINTS.format("quality-size")) == 1
    browser.click('.chip[data-value="pruning"]')
    assert len(column(browser, 1)) == 5
    browser.type("#search", "distill")
    assert [text.split()[0] for text in column(browser, 1)] == ["distilled-onnx-int8"]
    browser.type("#search", " nothing")
    assert browser.text("#shown") == "0 of 14 candidates"
    assert browser.text('.picture[data-picture="size"] .canvas') == "The filters leave no candidate."
    assert browser.console() == []


def test_copies_hold_what_is_shown(browser, pages):
    opened(browser, pages, "lab")
    browser.type("#search", "int8-dynamic")
    browser.click("#copy-csv")
    time.sleep(0.2)
    copied = browser.run("return document.querySelector('#copy-csv').dataset.copied").splitlines()
    assert [line.split(",")[0] for line in copied] == ["name", "int8-dynamic", "onnx-int8-dynamic"]
    browser.click("#copy-markdown")
    time.sleep(0.2)
    copied = browser.run("return document.querySelector('#copy-markdown').dataset.copied").splitlines()
    assert len(copied) == 4
    assert copied[2].startswith("| `int8-dynamic` | PyTorch |")


def test_hovering_names_the_point_and_its_recipe(browser, pages):
    opened(browser, pages, "lab")
    browser.hover(POINTS.format("quality-size") + ":nth-of-type(9)")
    said = browser.text("#tip")
    assert said.startswith("distilled-mobilenet_v2\ndistill('mobilenet_v2')")
    assert "9.20 MB" in said
    assert browser.run("return [...document.querySelectorAll('tr.lit')].map(e => e.dataset.id)") == ["8"]
    browser.shoot(OUTPUT / "lab-hover.png", whole=False)
    browser.hover("h1")
    assert browser.run("return document.querySelector('#tip').hidden")
    assert browser.console() == []


def test_tapping_names_the_point(browser, pages):
    opened(browser, pages, "lab", PHONE)
    selector = POINTS.format("quality-latency") + ":nth-of-type(13)"
    x, y = browser.run(
        "const e = document.querySelector(arguments[0]); e.scrollIntoView({block: 'center', behavior: 'instant'});"
        "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]",
        selector,
    )
    time.sleep(0.2)
    browser.devtools("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    browser.devtools("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    time.sleep(0.3)
    assert browser.text("#tip").startswith("prune30-onnx-int8")
    browser.shoot(OUTPUT / "lab-tap.png", whole=False)


def test_arrow_keys_walk_through_the_points(browser, pages):
    opened(browser, pages, "lab")
    right = "\ue014"
    browser.type('.picture[data-picture="latency"] .canvas', right)
    assert browser.text("#tip").startswith("baseline")
    browser.type('.picture[data-picture="latency"] .canvas', right + right)
    assert browser.text("#tip").startswith("int8-static")
    browser.type('.picture[data-picture="latency"] .canvas', "\ue00c")
    assert browser.run("return document.querySelector('#tip').hidden")


def test_theme_switches_the_page_and_its_pictures(browser, pages):
    opened(browser, pages, "lab", dark=False)
    ink = "return [getComputedStyle(document.body).backgroundColor, document.querySelector('.picture svg text').getAttribute('fill')]"
    light = browser.run(ink)
    browser.click("#theme")
    time.sleep(0.4)
    dark = browser.run(ink)
    assert dark[0] != light[0]
    assert dark[1] != light[1]
    browser.run("localStorage.clear()")


def test_details_open_with_rounds_and_steps(browser, pages):
    opened(browser, pages, "lab")
    browser.click("#row-12 a")
    time.sleep(0.5)
    said = browser.text("#c-12")
    for word in ("What each step changed", "prune_channels(0.3)", "98.33 %", "Latency over the rounds", "Bytes by data type"):
        assert word in said, word
    timings = browser.run("return document.querySelectorAll('#c-12 .rounds svg .mark-symbol path').length")
    assert timings == 2 * 24 * 5
    browser.click("#row-11 a")
    time.sleep(0.5)
    said = browser.text("#c-11")
    for word in (
        "Time by operator",
        "QLinearConv",
        "Layers, the most sensitive first",
        "/conv1/Conv",
        "294/s at batch 1",
        "no energy counters",
    ):
        assert word in said, word
    browser.shoot(OUTPUT / "lab-observed.png", whole=False)
    browser.shoot(OUTPUT / "lab-details.png", whole=False)
    assert browser.console() == []


def test_page_reads_without_scripts(browser, pages):
    browser.devtools("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(pages / "lab.html", DESKTOP)
        tree = browser.devtools("Accessibility.getFullAXTree", {})["nodes"]
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", {"value": False})
    words = " ".join(str(node.get("name", {}).get("value", "")) for node in tree)
    for word in ("Ship prune30-onnx-int8", "distilled-onnx-int8", "Conditions", "Trade-offs"):
        assert word in words


def test_screen_reader_hears_tables_buttons_and_marks(browser, pages):
    opened(browser, pages, "lab")
    nodes = browser.devtools("Accessibility.getFullAXTree", {})["nodes"]
    heard = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored") and "role" in node}
    assert ("button", "Copy as CSV") in heard
    assert any(role == "columnheader" and name == "Faster" for role, name in heard)
    assert any("prune30-onnx-int8, 5.60 MB" in name for _, name in heard)
