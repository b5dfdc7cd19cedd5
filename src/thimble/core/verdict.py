"""The words of statuses and verdicts. Each is the text in files and on the screen: ``Status.OK == "ok"``."""

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
    GIVEN_UP = "given up"
    """Not measured to the end, since it can't meet the limits any more."""

    @classmethod
    def _missing_(cls, value: object) -> Status | None:
        """Read the word that studies used before, which is kept for losses of quality."""
        return cls.GIVEN_UP if value == "dropped" else None


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
