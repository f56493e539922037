# The command line for completion by the shell.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam completion``: what a shell has to know to complete our commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

if TYPE_CHECKING:
    from click.shell_completion import ShellComplete

PROGRAM = "prusacam"
# Click looks for this one in the environment: the program's name in capitals.
VARIABLE = "_PRUSACAM_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


# Click wraps no paragraph that begins with \b.
HELP = """Print what a shell needs to complete commands and options.

SHELL is bash, zsh or fish. Once and for all, where 'prusacam' is on PATH:

\b
bash  prusacam completion bash > \\
        ~/.local/share/bash-completion/completions/prusacam
zsh   prusacam completion zsh > DIRECTORY/_prusacam
        with a DIRECTORY of $fpath
fish  prusacam completion fish > ~/.config/fish/completions/prusacam.fish
"""


@click.command(help=HELP)
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script by which ``shell`` asks us."""
    shell_class: type[ShellComplete] | None = get_completion_class(shell)
    assert shell_class is not None  # noqa: S101 - click has those of SHELLS
    program = context.find_root().command
    click.echo(shell_class(program, {}, PROGRAM, VARIABLE).source())
