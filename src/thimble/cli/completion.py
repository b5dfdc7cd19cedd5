"""``thimble completion``."""

from __future__ import annotations

import click

from thimble.cli._say import say
from thimble.core.errors import UnknownName

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print shell code that completes commands and options.

    \b
    bash, in ~/.bashrc:                    eval "$(thimble completion bash)"
    zsh, in ~/.zshrc after compinit:       eval "$(thimble completion zsh)"
    fish, in ~/.config/fish/config.fish:   thimble completion fish | source
    """
    from click.shell_completion import get_completion_class

    cls = get_completion_class(shell)
    if cls is None:
        raise UnknownName("shell", shell, SHELLS)
    complete = cls(ctx.find_root().command, {}, "thimble", "_THIMBLE_COMPLETE")
    say(*(complete.source_template % complete.source_vars()).splitlines())
