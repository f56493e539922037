# Sections of prusacam.conf, one by one, as objects.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a section into an object of its class, and gathers what is wrong with it.

Every mistake has its section, option and line and, for a misspelt name, the nearest
one that exists.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from .errors import ConfigError
from .option import option_name, secret_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .ini import Section
    from .secret import Secret

MAX_SECRET_FILE_BYTES = 4096

C = TypeVar("C")


class SectionReader:
    """Knows no section by name; ``errors`` are all mistakes so far."""

    def __init__(self, errors: list[ConfigError]) -> None:
        self.errors = errors

    def build(self, cls: type[C], section: Section, **values: Any) -> C | None:
        """An object of ``cls``; None after mistakes, which are told.

        ``values`` are of fields that are no options.
        """
        fields = {
            option_name(field): field
            for field in attrs.fields(cast("type[attrs.AttrsInstance]", cls))
            if option_name(field)
        }
        failed = False
        for name, written in section.options.items():
            if name not in fields:
                known = nearest(name, fields)
                self.fail(f"unknown option{known}", section, name)
                failed = True
                continue
            field = fields[name]
            try:
                values[field.name] = field.metadata["parse"](written.text)
            except ValueError as error:
                self.fail(str(error), section, name)
                failed = True
        for name, field in fields.items():
            if field.default is attrs.NOTHING and name not in section.options:
                self.fail(f"option '{name}' is missing", section)
                failed = True
        return None if failed else cls(**values)

    def stored(
        self, section: Section, name: str, parse: Callable[[str], Secret]
    ) -> Secret | None:
        """What stands in the file that the option ``name`` names, if it is there."""
        written = section.options.get(name)
        if written is None:
            return None
        try:
            file = secret_path(written.text)
        except ValueError:
            return None  # told where the option is parsed
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_SECRET_FILE_BYTES).decode(errors="replace")
            return parse(content.strip())
        except OSError as error:
            self.fail(f"{file}: {error.strerror}", section, name)
        except ValueError as error:
            self.fail(f"{file}: {error}", section, name)
        return None

    def fail(
        self, message: str, section: Section | None = None, name: str | None = None
    ) -> None:
        """Tell a mistake; ``name`` is an option of ``section``."""
        line = None
        if section is not None:
            written = section.options.get(name) if name else None
            line = written.line if written else section.line
        self.errors.append(
            ConfigError(
                message,
                section=section.name if section else None,
                option=name,
                line=line,
            )
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """A question whether one of ``known`` was meant; empty if none is near."""
    spelled = {valid.lower(): valid for valid in known}
    near = difflib.get_close_matches(name.lower(), spelled, n=1)
    return f" (did you mean '{spelled[near[0]]}'?)" if near else ""
