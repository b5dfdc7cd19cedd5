"""Progress of a study: how far it is, what is running, and what has changed."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from thimble.core.job import Apply, Examine, Job, Observe, Open, Score, Start, Sustain, Time, Weigh
from thimble.core.study import Study
from thimble.decide.samples import few_samples
from thimble.decide.summarize import no_better_than_guessing


@dataclass(frozen=True)
class Event:
    """One step of progress: the share done of the whole (0 to 1), and what is running.

    ``finished`` is a line worth keeping on the screen.
    """

    done: float
    what: str
    finished: str = ""


Listen = Callable[[Event], None]
LINE = 100
"""Columns of a line about candidates."""

_WORDS: dict[type[Job], str] = {
    Open: "opening the model",
    Apply: "building",
    Weigh: "weighing it",
    Start: "starting it",
    Sustain: "measuring it without a pause",
    Observe: "examining it",
    Examine: "looking for causes",
}


def doing(job: Job, words: str) -> str:
    """What is going on, ``words`` being the job's own."""
    if isinstance(job, Time):
        return f"latency: {words or 'measuring all together'}"
    told = f"scoring it on the {job.split} split" if isinstance(job, Score) else _WORDS[type(job)]
    return f"{job.candidate}: {words or told}"


def news(before: Study, after: Study) -> Iterator[str]:
    """Yield lines worth keeping: notes on the model and the data, a baseline that guesses, candidates that go no further.

    The table at the end gives the reason of each candidate, so it is not printed here.
    """
    yield from after.task.notes[len(before.task.notes) :]
    if after.opened and not before.opened:
        yield from (advice.text for advice in few_samples(after))
    if _scored(after) and not _scored(before):
        yield from (advice.text for advice in no_better_than_guessing(after))
    if after.ended != before.ended:
        yield f"nothing more is tried: {after.ended}"
    was = {candidate.name: candidate.reason for candidate in before.candidates}
    fresh = [candidate for candidate in after.candidates if candidate.reason and candidate.reason != was.get(candidate.name)]
    for status in dict.fromkeys(candidate.status for candidate in fresh):
        names = ", ".join(candidate.name for candidate in fresh if candidate.status == status)
        yield textwrap.shorten(f"{status}: {names}", LINE, placeholder=" ...")


def _scored(study: Study) -> bool:
    return bool(study.candidates) and "validation" in study.candidates[0].quality


def part_of(listen: Listen | None, place: int, count: int, name: str = "") -> Listen:
    """Return what takes a study's events as those of one of several, counted from 0; each begins with the ``name`` where there is one."""

    def told(event: Event) -> None:
        if listen is not None:
            what, finished = (f"{name}: {text}" if name and text else text for text in (event.what, event.finished))
            listen(Event((place + event.done) / count, what, finished))

    return told
