# The reference of the command line in docs/commands.md.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each command of ``prusacam`` with its options, as ``--help`` has them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

from moonraker_prusacam.cli import main

from .marked import rewritten

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = "prusacam"
# What the page tells once, since nearly all commands have it.
COMMON = ("-c", "-s")


def commands(
    group: click.Command = main, parent: click.Context | None = None
) -> Iterator[tuple[click.Context, click.Command]]:
    """All commands that do something, each with its context, in the order of help."""
    name = group.name if parent else PROGRAM
    settings = group.context_settings
    context = click.Context(group, info_name=name, parent=parent, **settings)
    if not isinstance(group, click.Group):
        yield context, group
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield from commands(command, context)


def written(page: str) -> str:
    """``page`` with every command as the code has it."""
    chapters = [_chapter(context, command) for context, command in commands()]
    return rewritten(page, "commands of prusacam", "\n\n".join(chapters))


def _chapter(context: click.Context, command: click.Command) -> str:
    usage = command.get_usage(context).partition(": ")[2]
    parts = [f"### {context.command_path}", f"```\n{' '.join(usage.split())}\n```"]
    parts.append(_prose(inspect.cleandoc(command.help or "")))
    options = [
        option
        for option in command.params
        if isinstance(option, click.Option) and option.opts[0] not in COMMON
    ]
    if options:
        rows = ["| Option | Meaning |", "| --- | --- |"]
        rows += [_row(option, context) for option in options]
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def _row(option: click.Option, context: click.Context) -> str:
    names, told = option.get_help_record(context) or ("", "")
    return f"| `{names}` | {_cell(told)} |".replace("\n", " ")


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _prose(text: str) -> str:
    """Help as Markdown: what click must not wrap stays as it is."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        "```\n" + paragraph.removeprefix("\b\n") + "\n```"
        if paragraph.startswith("\b")
        else paragraph
        for paragraph in paragraphs
    )
