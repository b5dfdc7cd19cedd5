"""The words of statuses and verdicts. Each is the text that stands in files and on the screen: ``Status.OK == "ok"``."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How far a candidate came."""

    OK = "ok"
    """There is an artifact, and it was measured."""
    NOT_APPLICABLE = "not applicable"
    """A step makes no sense for this model."""
    FAILED = "failed"
    NOT_TRIED = "not tried"
    """Its turn did not come, or what was found says that it can't be chosen."""
    DROPPED = "dropped"
    """Given up before everything was measured, since it can't meet the limits any more."""


class Proof(StrEnum):
    """What a figure's interval proves about a limit."""

    MET = "met"
    BROKEN = "broken"
    NOT_PROVEN = "not proven"


class Speed(StrEnum):
    """What a ratio's interval proves about two latencies."""

    FASTER = "faster"
    SLOWER = "slower"
    NO_DIFFERENCE = "no proven difference"


class Changed(StrEnum):
    """What is proven to have changed from one study to another."""

    BETTER = "better"
    WORSE = "worse"
    NO_CHANGE = "no proven change"
    NOT_COMPARABLE = "not comparable"
    ITSELF = ""
    """Nothing to compare: the first study, or a figure that one of the two lacks."""
