# Variables on disk.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[save_variables]``: variables that outlive a restart.

Source: klippy/extras/save_variables.py.
"""

from __future__ import annotations

import asyncio
import configparser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import ConfigError

from .gcode import CommandError, GCodeCommand
from .macro import parse_literal

if TYPE_CHECKING:
    from .printer import Printer

_SECTION = "Variables"


def read_variables(filename: str) -> tuple[Path, dict[str, Any]]:
    """The file and its variables, none if it does not exist. Blocks on the file."""
    parser = configparser.ConfigParser(interpolation=None)
    path = Path(filename).expanduser()
    try:
        parser.read(path, encoding="utf-8")
        if not parser.has_section(_SECTION):
            return path, {}
        items = parser.items(_SECTION)
        return path, {name: parse_literal(text) for name, text in items}
    except (OSError, ValueError, configparser.Error) as error:
        raise ConfigError("Unable to parse existing variable file") from error


def write_variables(path: Path, variables: dict[str, Any]) -> None:
    """Replace the file. Blocks on it."""
    parser = configparser.ConfigParser(interpolation=None)
    parser[_SECTION] = {name: repr(variables[name]) for name in sorted(variables)}
    with path.open("w", encoding="utf-8") as file:
        parser.write(file)


class SaveVariables:
    """Printer object ``save_variables``."""

    def __init__(self, printer: Printer, path: Path, variables: dict[str, Any]) -> None:
        self._path = path
        self._variables = variables
        printer.gcode.register(
            "SAVE_VARIABLE", self._save, "Save arbitrary variables to disk"
        )

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {"variables": self._variables}

    async def _save(self, command: GCodeCommand) -> None:
        name, text = command.get("VARIABLE"), command.get("VALUE")
        if name != name.lower():
            raise CommandError("VARIABLE must not contain upper case")
        try:
            value = parse_literal(text)
        except ValueError as error:
            raise CommandError(f"Unable to parse '{text}' as a literal") from error
        variables = {**self._variables, name: value}
        try:
            await asyncio.to_thread(write_variables, self._path, variables)
        except OSError as error:
            raise CommandError("Unable to save variable") from error
        self._variables = variables
