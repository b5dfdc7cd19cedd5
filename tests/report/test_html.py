import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from thimble.report._charts import shown_runs
from thimble.report.html import SCRIPTS, embedded, html_text

NAUGHTY = "<script>alert(1)</script>"


class Page(HTMLParser):
    """The elements of a page, the texts of its scripts, and all other text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.words, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.open.append(tag)
            self.scripts += [""] * (tag == "script")

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        if self.open:
            if self.open[-1] == "script":
                self.scripts[-1] += data
        else:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def page(golden):
    return Page(html_text(golden.study, golden.summary))


def test_page_is_small_and_needs_nothing_from_anywhere(golden):
    text = html_text(golden.study, golden.summary)
    assert len(text.encode()) < 3_000_000
    for tag, attributes in Page(text).elements:
        assert tag not in ("link", "iframe", "object", "embed", "img", "base")
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")


def test_policy_names_every_script_and_allows_no_other(page):
    policy = next(attributes["content"] for tag, attributes in page.elements if attributes.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    digests = [f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in page.scripts[1:]]
    assert re.search("script-src (.*)$", policy)[1].split() == digests


def test_foreign_text_is_text(golden_named):
    golden = golden_named("long-names")
    text = html_text(golden.study, golden.summary)
    page = Page(text)
    assert NAUGHTY.lower() not in text.lower()
    assert len(page.scripts) == 2 + len(SCRIPTS)
    assert NAUGHTY in page.text
    assert all(not name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_data_reads_back_whatever_is_in_it(page, golden):
    data = json.loads(page.scripts[0])
    assert [row["key"] for row in data["rows"]] == [row.name for row in golden.summary.rows]
    assert len(data["csv"]) == len(golden.summary.rows) + 1
    assert [len(lines) for lines in data["markdown"]] == [2] + [1] * len(golden.summary.rows)


@pytest.mark.parametrize("text", ["</script>", "<!--", "]]>", "\u2028", "&", '"', "\\", "\ud800"])
def test_embedded_data_cannot_end_its_element(text):
    held = embedded({"name": text})
    assert json.loads(held) == {"name": text}
    assert not re.search(r"[<>&\u2028]", held)
    assert held.isascii()


def test_every_candidate_has_a_row_and_details(page, golden):
    ids = [attributes.get("id", "") for _, attributes in page.elements]
    for i in range(len(golden.summary.rows)):
        assert ids.count(f"row-{i}") == ids.count(f"c-{i}") == 1


def test_words_stand_in_the_page_without_scripts(golden_named):
    golden = golden_named("lab")
    words = Page(html_text(golden.study, golden.summary)).text
    for said in (
        "prune30-onnx-int8",
        "6.21x",
        "Latency does not carry over",
        "onnx_quantize_static()",
        "AMD EPYC-Milan",
        "ConvInteger",
        "float32",
    ):
        assert said in words, said


def test_reasons_stand_beside_failed_ones(golden_named):
    golden = golden_named("failures")
    words = Page(html_text(golden.study, golden.summary)).text
    for row in golden.summary.rows:
        assert row.reason in words


def test_steps_show_what_a_candidate_that_stopped_there_was(golden_named):
    golden = golden_named("lab")
    text = html_text(golden.study, golden.summary)
    chain = text.split('id="c-12"')[1].split("</details>")[0]
    assert chain.index("train(5)") < chain.index("baseline<") < chain.index("prune30-channels<") < chain.index("finetune(2)")
    assert [name in chain for name in ("prune30-channels<", "prune30-channels-finetuned<", "prune30-onnx-int8<")] == [True] * 3


def test_controls_have_names(page):
    for tag, attributes in page.elements:
        if tag == "input":
            assert attributes["aria-label"]
    assert ("html", {"lang": "en"}) in page.elements


def test_runs_that_are_shown(golden_named):
    study = golden_named("lab").study
    joint = study.runs[0]
    early = replace(joint, id="early", members=("baseline", "onnx"))
    lost = replace(joint, id="lost", members=("baseline", "gone"))
    heat = replace(joint, id="heat", members=("onnx",))
    empty = replace(joint, id="empty", members=("onnx",), rounds=())
    shown = shown_runs(replace(study, runs=(early, lost, joint, heat, empty)))
    assert [run.id for run in shown] == ["joint", "lost", "heat"]


def test_long_runs_are_thinned_so_that_the_page_stays_small(golden_named):
    golden = golden_named("forty")
    long = replace(golden.study.runs[0], rounds=golden.study.runs[0].rounds * 40)
    text = html_text(replace(golden.study, runs=(long,)), golden.summary)
    assert len(text.encode()) < 3_000_000
