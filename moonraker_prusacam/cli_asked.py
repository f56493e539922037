# Commands that ask a running engine about one of its parts.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What such commands have in common: options, the call, and how answers are shown."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from .cli_call import (
    call,
    config_option,
    fail,
    perform,
    socket_option,
    socket_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the engine's answer as JSON."
)


class Asked:
    """The engine that a command asks about ``part``, and how its answer is printed."""

    def __init__(
        self, part: str, file: Path, socket: Path | None, as_json: bool
    ) -> None:
        self._part = part
        self._path = socket_path(file, socket)
        self._is_for_people = not as_json

    def ask(
        self, method: str, *, timeout_s: float | None = None, **params: Any
    ) -> dict[str, Any]:
        """The answer; what is None is not sent."""
        given = {name: value for name, value in params.items() if value is not None}
        options = {} if timeout_s is None else {"timeout_s": timeout_s}
        answer: dict[str, Any] = perform(
            call(self._path, f"{self._part}.{method}", given, **options)
        )
        return answer

    def show(self, answer: dict[str, Any], *lines: str) -> None:
        """Print ``lines`` for people, or the answer for a program."""
        if not self._is_for_people:
            Console().print_json(data=answer)
            return
        for line in lines:
            click.echo(printable(line))


def asking_for(part: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes commands whose first argument is an ``Asked`` about ``part``."""

    def asking(command: Callable[..., None]) -> Callable[..., None]:
        @config_option
        @socket_option
        @json_option
        @functools.wraps(command)
        def asked(file: Path, socket: Path | None, as_json: bool, **given: Any) -> None:
            try:
                command(Asked(part, file, socket, as_json), **given)
            except LookupError:
                fail("the engine is of another version than this command; restart it")

        return asked

    return asking


def printable(text: str) -> str:
    """``text``, of which devices and files may have said a part, for a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)


def columns(rows: list[list[str]]) -> list[str]:
    """The rows as lines. Nothing is cut: names are there to be copied."""
    shown = [list(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in shown]


def date(time_s: float) -> str:
    """A moment for people."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(time_s))
    except (ValueError, OverflowError, OSError):
        return "-"
