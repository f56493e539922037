# Commands by name, and the console.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs G-code lines one after the other and tells the console what they answer.

The mutex is held for a whole script: a script of the API, a delayed_gcode or one line
of a printed file waits until the one before has ended. Lines of a macro run inside.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import attrs

from .gcode import CommandError, GCodeCommand, is_traditional
from .mutex import HandoffMutex

if TYPE_CHECKING:
    from .printer import Printer

log = logging.getLogger(__name__)

Handler = Callable[[GCodeCommand], Awaitable[None] | None]

# Their text may hold anything, digits at its start included.
_FREE_TEXT_COMMANDS = ("M117", "M118", "M23")


@attrs.define
class _Mux:
    """A command whose handler is chosen by the value of one parameter."""

    key: str
    handlers: dict[str | None, Handler]


class GCodeDispatch:
    """Command table, mutex and console of one Klippy."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self.mutex = HandoffMutex()
        self.output_callbacks: list[Callable[[str], None]] = []
        self.error_callbacks: list[Callable[[], None]] = []
        self._handlers: dict[str, Handler] = {}
        self._always: dict[str, Handler] = {}
        self._muxes: dict[str, _Mux] = {}
        self.help: dict[str, str] = {}

    def register(
        self,
        name: str,
        handler: Handler,
        help_text: str | None = None,
        *,
        when_not_ready: bool = False,
    ) -> None:
        """Add a command; CommandError if the name is taken or not a valid one."""
        if name in self._handlers:
            raise CommandError(f"gcode command {name} already registered")
        if not is_traditional(name) and (
            name != name.upper()
            or not name.replace("_", "A").isalnum()
            or name[:1].isdigit()
            or name[1:2].isdigit()
        ):
            raise CommandError(f"Can't register '{name}' as it is an invalid name")
        self._handlers[name] = handler
        if when_not_ready:
            self._always[name] = handler
        if help_text is not None:
            self.help[name] = help_text

    def unregister(self, name: str) -> Handler | None:
        """Take a command out; None if there was none."""
        self._always.pop(name, None)
        return self._handlers.pop(name, None)

    def register_mux(
        self,
        name: str,
        key: str,
        value: str | None,
        handler: Handler,
        help_text: str | None = None,
    ) -> None:
        """Add a handler for ``name KEY=value``; None serves a missing key."""
        mux = self._muxes.get(name)
        if mux is None:
            mux = self._muxes[name] = _Mux(key, {})
            self.register(name, lambda command: self._run_mux(mux, command), help_text)
        if value in mux.handlers:
            raise CommandError(f"mux command {name} {key} {value} already registered")
        mux.handlers[value] = handler

    async def run_script(self, script: str) -> None:
        """Run all lines with the mutex held; raises the first CommandError."""
        async with self.mutex:
            await self.run_nested(script)

    async def run_nested(self, script: str) -> None:
        """Run lines for a command that already runs under the mutex."""
        for line in script.split("\n"):
            await self._run_line(line)

    async def _run_line(self, line: str) -> None:
        command = GCodeCommand.parse(line)
        table = self._handlers if self._printer.is_ready else self._always
        handler = table.get(command.name, self._run_unknown)
        try:
            if handler != self._run_unknown and not is_traditional(command.name):
                command.read_extended()
            pending = handler(command)
            if pending is not None:
                await pending
        except CommandError as error:
            self.respond_error(str(error))
            for callback in self.error_callbacks:
                callback()
            raise
        except Exception:
            message = f'Internal error on command:"{command.name}"'
            log.exception(message)
            self._printer.invoke_shutdown(message)
            self.respond_error(message)
            raise

    def _run_unknown(self, command: GCodeCommand) -> Awaitable[None] | None:
        name = command.name
        if name in ("M105", "M21"):
            return None
        if not self._printer.is_ready:
            raise CommandError(self._printer.state_message)
        if not name:
            return None
        free_text = name.split()[0]
        if " " in name and free_text in _FREE_TEXT_COMMANDS:
            handler = self._handlers.get(free_text)
            if handler is not None:
                command.name = free_text
                return handler(command)
        self.respond_info(f'Unknown command:"{name}"')
        return None

    def _run_mux(self, mux: _Mux, command: GCodeCommand) -> Awaitable[None] | None:
        wanted = command.find(mux.key) if None in mux.handlers else command.get(mux.key)
        handler = mux.handlers.get(wanted)
        if handler is not None:
            return handler(command)
        names = [value for value in mux.handlers if value is not None]
        guesses = [value for value in names if wanted and wanted in value]
        hint = (
            f"Did you mean '{guesses[-1]}'?"
            if guesses
            else "Options: " + ", ".join(f"'{value}'" for value in names)
        )
        raise CommandError(f"The value '{wanted}' is not valid for {mux.key}. {hint}")

    def respond_raw(self, text: str) -> None:
        """Send one response to every console."""
        for callback in self.output_callbacks:
            callback(text)

    def respond_info(self, text: str) -> None:
        """Send ``text`` as comment lines."""
        lines = [line.strip() for line in text.strip().split("\n")]
        self.respond_raw("// " + "\n// ".join(lines))

    def respond_error(self, text: str) -> None:
        """Send the first line of ``text`` as an error, the whole as a comment."""
        log.warning("G-code error: %s", text)
        lines = text.strip().split("\n")
        if len(lines) > 1:
            self.respond_info(text)
        self.respond_raw(f"!! {lines[0].strip()}")

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object ``gcode``."""
        table = self._handlers if self._printer.is_ready else self._always
        commands: dict[str, dict[str, str]] = {
            name: {"help": self.help[name]} if name in self.help else {}
            for name in table
        }
        return {"commands": commands}

    @property
    def commands_with_help(self) -> list[tuple[str, str]]:
        """Names and help texts of the commands that can run now, sorted."""
        table = self._handlers if self._printer.is_ready else self._always
        return [(name, self.help[name]) for name in sorted(table) if name in self.help]
