"""The command line: one thin command per public function, each in a module of its own, loaded when it is asked for.

Exit codes are those of `thimble.core.errors`; Ctrl-C gives 130, and every other signal that asks for an end 128 and its number.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import io
import os
import pkgutil
import sys
import traceback

import click

from thimble.cli._ends import heed, interrupted_code
from thimble.cli._say import say, say_aside
from thimble.cli._watch import watched
from thimble.core.distribution import versions
from thimble.core.errors import BadInput, CannotWrite, ThimbleError, missing_extra
from thimble.core.patience import let_die
from thimble.core.text import brief, is_text

LONGEST = 500
"""Characters of a line that tells of wrong usage: it quotes what was typed."""


class Commands(click.Group):
    """A group whose commands are the modules of this package: ``measure.py`` holds ``measure``, its object is ``command``.

    An underscore in a module's name is a hyphen in the command's; one at its end is left out.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every module's name, private ones aside."""
        names = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
        return sorted(map(_word, names))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command's module; ``None`` where there is none of that name."""
        modules = {_word(info.name): info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")}
        if cmd_name not in modules:
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{modules[cmd_name]}").command
        return command


def _word(module: str) -> str:
    return module.rstrip("_").replace("_", "-")


def _versions(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    """Show the versions that a report of a fault needs, and end."""
    if asked and not ctx.resilient_parsing:
        say(*(f"{name} {version}" for name, version in versions().items()))
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_versions, help="Show versions and exit.")
@click.option("--debug", is_flag=True, help="Show the trace of an error.")
@click.pass_context
def thimble(ctx: click.Context, debug: bool) -> None:
    """Fit a trained neural network into a small device, and prove what it cost.

    \b
    Exit codes: 0 done; 1 failed; 2 bad input; 3 no candidate is proven to meet the limits;
    4 a proven regression; 5 an optional library is missing; 6 the machine is busy measuring, or the store in use;
    7 a folder can't be written or trusted, or the disk is full; 130 interrupted; 128 + N ended by
    signal N.
    """
    ctx.ensure_object(dict)["debug"] = debug


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; every expected error is one line on standard error.

    Without ``arguments`` it is a process of its own, which `watched` sees to.
    """
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    done = watched() if arguments is None else None
    if done:
        heed()
        let_die()
    if debug and done:
        faulthandler.enable()
    code = 1
    try:
        code = _code(given, debug)
    except SystemExit as left:  # click's, where the reader of its output is gone
        code = left.code if isinstance(left.code, int) else 1
    finally:
        if done:
            done(code)
    sys.exit(code)


def _code(given: list[str], debug: bool) -> int:
    """Carry out the command; gives its exit code."""
    strange = next((word for word in given if not is_text(word)), None)
    if strange is not None:
        _say(f"{strange!r} is not UTF-8 text; rename the file or folder", debug)
        return BadInput.exit_code
    if any("\0" in word for word in given):
        _say("an argument holds a zero byte, which no name of a file or model can", debug)
        return BadInput.exit_code
    arguments = [word for word in given if word != "--debug"]
    try:
        result = thimble.main(arguments, prog_name="thimble", standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except click.UsageError as error:
        usage = io.StringIO()
        error.show(usage)
        say_aside(*(brief(line, LONGEST) for line in usage.getvalue().splitlines()))
        code = 2
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted. Finished work is saved; run the same command to continue.", debug)
        code = interrupted_code()
    except ThimbleError as error:
        _say(str(error), debug)
        code = error.exit_code
    except ModuleNotFoundError as error:
        absent = missing_extra(error)
        if absent is None:
            raise
        _say(str(absent), debug)
        code = absent.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:
        _say(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""), debug)
        code = CannotWrite.exit_code
    return code


def _say(text: str, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    with contextlib.suppress(OSError):  # the terminal may be gone
        say_aside(f"thimble: {text}")
