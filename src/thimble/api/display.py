"""What a notebook shows of a study, a candidate, a summary or a finding."""

from __future__ import annotations

from thimble.core.study import Candidate, Finding, Study
from thimble.core.summary import Summary
from thimble.core.text import html
from thimble.report._notebook import candidate_html, finding_html, study_html, summary_html


def html_of(value: object) -> str:
    """Return a value as HTML in which every text is escaped; of any other value its Python text."""
    if isinstance(value, Study):
        from thimble.decide.summarize import summarize

        return study_html(value, summarize(value))
    if isinstance(value, Summary):
        return summary_html(value)
    if isinstance(value, Candidate):
        return candidate_html(value)
    return finding_html(value) if isinstance(value, Finding) else str(html(repr(value)))
