# Reader of Klipper-style configuration files.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections and options with the lines they stand on.

The standard library's parser stops at the first mistake and forgets line numbers. A
user who edits a file in a browser wants all mistakes at once, and where they are.
"""

from __future__ import annotations

import io
import re

import attrs

from .errors import ConfigError

SECTION = re.compile(r"\[([^\[\]]+)\]")
OPTION = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*[:=](.*)")
INLINE_COMMENT = re.compile(r"\s#.*")
CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@attrs.frozen
class Option:
    """The text of one option and the line where it begins (from 1)."""

    text: str
    line: int


@attrs.frozen
class Section:
    """A section's name as written, with single blanks, and its options."""

    name: str
    line: int
    options: dict[str, Option] = attrs.field(factory=dict)

    @property
    def kind(self) -> str:
        """The first word of the name, such as ``camera``."""
        return self.name.partition(" ")[0]

    @property
    def title(self) -> str:
        """What stands behind ``kind``; empty if nothing does."""
        return self.name.partition(" ")[2]


def parse(text: str) -> tuple[list[Section], list[ConfigError]]:
    """Sections in the order of the file, and every line that makes no sense.

    A line that starts with ``#`` or ``;``, and what follows `` #``, is a comment. An
    indented line continues the option above it.
    """
    sections: dict[str, Section] = {}
    errors: list[ConfigError] = []
    section: Section | None = None
    option: str | None = None
    # Lines end where an editor ends them: str.splitlines() knows many more ends.
    lines = io.StringIO(text.removeprefix("\ufeff"), newline=None)
    for number, raw in enumerate(lines, 1):
        line = INLINE_COMMENT.sub("", raw).rstrip()
        if not line or line.lstrip()[0] in "#;":
            continue
        if CONTROL_CHARACTER.search(line):
            errors.append(ConfigError("holds a control character", line=number))
            continue
        if line[0] in " \t":
            if section is None or option is None:
                errors.append(
                    ConfigError("indented line continues nothing", line=number)
                )
            else:
                begun = section.options[option]
                joined = f"{begun.text}\n{line.strip()}".strip()
                section.options[option] = Option(joined, begun.line)
            continue
        option = None
        if match := SECTION.fullmatch(line):
            name = " ".join(match[1].split())
            known = sections.get(name)
            section = sections[name] = known or Section(name, number)
            if known is not None:
                errors.append(
                    ConfigError(
                        f"section stands twice (first on line {known.line})",
                        section=name,
                        line=number,
                    )
                )
        elif match := OPTION.fullmatch(line):
            if section is None:
                errors.append(
                    ConfigError("option stands before any [section]", line=number)
                )
                continue
            option = match[1].lower()
            if option in section.options:
                first = section.options[option].line
                errors.append(
                    ConfigError(
                        f"option stands twice (first on line {first})",
                        section=section.name,
                        option=option,
                        line=number,
                    )
                )
            section.options[option] = Option(match[2].strip(), number)
        else:
            errors.append(
                ConfigError(
                    "neither a [section] nor an 'option: value'",
                    section=section.name if section else None,
                    line=number,
                )
            )
    return list(sections.values()), errors
