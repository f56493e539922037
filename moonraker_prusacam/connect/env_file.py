# Reader of shell-style settings.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``NAME=value`` lines as a shell, systemd or Docker reads them, never executed.

They differ for an unquoted value with blanks; here it goes on to the end of the line,
as for the latter two. What a shell would compute is told, and not guessed.
"""

from __future__ import annotations

import re

import attrs

ASSIGNMENT = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# What a backslash keeps from its meaning between double quotes (POSIX 2.2.3).
ESCAPABLE = '"\\$`'


@attrs.frozen
class Setting:
    """A value, the line it stands on (from 1), and whether a shell would compute it."""

    text: str
    line: int
    is_computed: bool = False


@attrs.frozen
class EnvFile:
    """The settings by name, of which the last one of a name counts.

    ``odd_lines`` are the numbers of those that are no setting.
    """

    settings: dict[str, Setting]
    odd_lines: tuple[int, ...]


def parse_env_file(content: str) -> EnvFile:
    """Read ``content``; nothing in it is an error."""
    settings: dict[str, Setting] = {}
    odd_lines: list[int] = []
    lines = content.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = ASSIGNMENT.fullmatch(stripped)
        value = None
        if match is not None and not UNPRINTABLE.search(stripped):
            value = _value(match[2])
        if match is None or value is None:
            odd_lines.append(number)
        else:
            settings[match[1]] = Setting(value[0], number, value[1])
    return EnvFile(settings, tuple(odd_lines))


def _value(written: str) -> tuple[str, bool] | None:
    """The value and whether it is computed; None where a quote is not closed."""
    text: list[str] = []
    quote = ""
    is_computed = False
    letters = iter(range(len(written)))
    for place in letters:
        letter = written[place]
        after = written[place + 1 : place + 2]
        if quote:
            if letter == quote:
                quote = ""
            elif quote == '"' and letter == "\\" and after and after in ESCAPABLE:
                text.append(after)
                next(letters)
            else:
                is_computed |= quote == '"' and letter in "$`"
                text.append(letter)
        elif letter in "'\"":
            quote = letter
        elif letter == "\\" and after:
            text.append(after)
            next(letters)
        elif letter == "#" and (place == 0 or written[place - 1] in " \t"):
            return "".join(text).rstrip(), is_computed
        else:
            is_computed |= letter in "$`"
            text.append(letter)
    if quote:
        return None
    return "".join(text).rstrip(), is_computed
