"""Every function that makes text safe, against texts made to get past it."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from thimble.core.text import cell, html, line, markdown, markdown_code, plain

ANY = st.text(st.characters(), max_size=60) | st.text(
    st.sampled_from("\x1b[]()!<>a=&\"'`*_#|~\\-+1. \n\r\t\u202e\u2028\ud800"), max_size=40
)
HARMLESS = {"paragraph_open", "paragraph_close", "inline"}


@given(ANY)
def test_a_line_holds_nothing_that_a_terminal_obeys(text):
    assert not [char for char in line(text) if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    line(text).encode()


@given(ANY)
def test_plain_text_is_one_line_with_single_spaces(text):
    shown = plain(text)
    assert shown == " ".join(shown.split())
    assert plain(shown) == shown


def test_plain_text_loses_colours_and_direction_marks():
    assert plain("a\x1b[31mred\x1b[0m\nb\u202ec") == "ared b c"


@given(ANY)
def test_html_opens_no_element_and_ends_no_attribute(text):
    assert not set(html(text)) & set("<>\"'")


@given(ANY)
def test_markdown_is_read_back_as_the_words_it_was(text):
    blocks = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown(text))
    assert {block.type for block in blocks} <= HARMLESS
    children = [child for block in blocks for child in block.children or []]
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == plain(text)


@given(ANY)
def test_a_code_span_of_markdown_is_one(text):
    (_, inline, _) = MarkdownIt("commonmark", {"html": True}).parse(markdown_code(text))
    assert [child.type for child in inline.children] == ["code_inline"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "\u200b=", "＝", "＠"])
def test_no_cell_is_a_formula(start):
    assert cell(f"{start}cmd|' /c calc'!A0").startswith("'")


@given(ANY)
def test_a_cell_is_read_back_as_one(text):
    stream = io.StringIO()
    csv.writer(stream).writerow([cell(text), "end"])
    assert list(csv.reader(io.StringIO(stream.getvalue()))) == [[cell(text), "end"]]
