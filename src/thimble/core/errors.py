"""Every error Thimble raises on purpose, in one tree, each with the exit code of the command line.

::

    ThimbleError                 1   something failed; the message says what, which value, and what to do
    ├── BadInput                 2   an argument, file, model or data set that can't be used
    │   └── UnknownName          2   a name that nothing is registered under; lists the known ones
    ├── LimitsNotMet             3   the work is done, and no candidate is proven to meet the limits
    ├── Regression               4   ``compare --fail-on-regression`` or ``check`` found a proven one
    ├── MissingExtra             5   an optional library is absent; gives the install command
    ├── Busy                     6   another measuring run holds this machine, or another process the store
    ├── CannotWrite              7   a folder that can't be written or trusted, or a full disk
    │   └── NotWritten           7   the work is done, and its result, which the error holds, can't be written
    ├── StepFailed               1   a step could not do its work on this model (recorded, the study goes on)
    │   ├── NotApplicable        1   the step makes no sense for this model (recorded with its reason)
    │   └── OutOfTime            1   the time budget ended it, or would have (recorded, and gone on with at the next start)
    ├── EngineLost               1   the machines that did the work are gone (what was finished is kept)
    └── RuntimeFailed            1   an artifact could not be opened or run (recorded, the study goes on)

Ctrl-C ends with 130, another signal that asks for an end with 128 and its number. Anything else that escapes is a bug,
shown with its trace and exit code 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from thimble.core.distribution import extra_of, install_command
from thimble.core.text import brief

MOST_SHOWN, SHOWN = 25, 12
"""Known names that an error lists; of more than so many, only the nearest few."""


class ThimbleError(Exception):
    """Base of all errors raised on purpose; ``str(error)`` is one line fit for a user."""

    exit_code = 1


class BadInput(ThimbleError):
    """An argument, file, model or data set that can't be used."""

    exit_code = 2


class UnknownName(BadInput):
    """A name that nothing is registered under.

    >>> str(UnknownName("step", "prun_channels", ["prune_channels", "finetune"]))
    "unknown step 'prun_channels'; did you mean 'prune_channels'? Known: finetune, prune_channels"
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=SHOWN)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        shown = names if len(names) <= MOST_SHOWN else near or names[:SHOWN]
        more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
        super().__init__(f"unknown {kind} {brief(name)!r}{hint} Known: {', '.join(shown) or 'none'}{more}")
        self.kind, self.name, self.known = kind, name, tuple(names)


class LimitsNotMet(ThimbleError):
    """The work is done and no candidate is proven to meet the limits."""

    exit_code = 3


class Regression(ThimbleError):
    """A comparison or a check that must fail on a regression found a proven one."""

    exit_code = 4


class MissingExtra(ThimbleError):
    """An optional library is absent.

    >>> str(MissingExtra("openvino", "openvino"))
    "openvino is not installed; install it with: pip install 'thimble-fit[openvino]'"
    """

    exit_code = 5

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"{library} is not installed; install it with: {install_command(extra)}")
        self.library, self.extra = library, extra


def missing_extra(error: ModuleNotFoundError) -> MissingExtra | None:
    """Return what a failed import means for users; ``None`` where the module is of no extra, which is a bug.

    >>> str(missing_extra(ModuleNotFoundError("No module named 'torch'", name="torch.nn")))
    "torch is not installed; install it with: pip install 'thimble-fit[torch]'"
    """
    module = (error.name or "").partition(".")[0]
    extra = extra_of(module)
    return MissingExtra(module, extra) if extra else None


class Busy(ThimbleError):
    """Another measuring run holds this machine's lock, or another process uses the store."""

    exit_code = 6


class CannotWrite(ThimbleError):
    """A folder can't be written, the disk is full, or a store can't be trusted."""

    exit_code = 7


class NotWritten(CannotWrite):
    """The work is done, and its result can't be written where it was to be; ``result`` holds it."""

    def __init__(self, text: str, result: object) -> None:
        super().__init__(text)
        self.result = result


class StepFailed(ThimbleError):
    """A step failed on this model; the study records it and continues."""


class NotApplicable(StepFailed):
    """A step makes no sense for this model; the study records the reason and continues."""


class OutOfTime(StepFailed):
    """The time budget ended it, or does not suffice for it; a later start with more time may finish it."""


class RuntimeFailed(ThimbleError):
    """An artifact could not be opened or run; the study records it and continues."""


class EngineLost(ThimbleError):
    """The machines that did the work are gone; what was finished is kept, and a later start goes on, here or there."""


def error_of(name: str, text: str) -> ThimbleError:
    """The error of that class with a text, as another process told it; `StepFailed` for a class that isn't here."""
    cls = globals().get(name)
    kind: type[ThimbleError] = cls if isinstance(cls, type) and issubclass(cls, ThimbleError) else StepFailed
    made = kind.__new__(kind)
    Exception.__init__(made, text)
    return made
