# Jinja2 templates and gcode_macro sections.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Macros: templates that are rendered whole before the first of their lines runs.

So ``printer.…`` inside a template shows the state at the call, and a remote call made
in a template leaves before the moves of the same macro. Source: Klipper
docs/Command_Templates.md and klippy/extras/gcode_macro.py.
"""

from __future__ import annotations

import ast
import copy
import json
import logging
import traceback
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jinja2

from moonraker_prusacam.errors import ConfigError

from .gcode import CommandError, GCodeCommand, is_traditional

if TYPE_CHECKING:
    from .config import ConfigSection
    from .printer import Printer

log = logging.getLogger(__name__)

# Klipper's delimiters and no extensions ("do" is one of forks). G-code is not HTML:
# nothing is escaped.
_ENVIRONMENT = jinja2.Environment(
    block_start_string="{%",
    block_end_string="%}",
    variable_start_string="{",
    variable_end_string="}",
    autoescape=jinja2.select_autoescape(
        enabled_extensions=(), default_for_string=False
    ),
)


class StatusView(Mapping[str, Any]):
    """``printer`` in a template: copies of statuses, each taken once."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._eventtime = printer.clock.now()
        self._taken: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        key = str(name).strip()
        if key not in self._taken:
            status = self._printer.objects[key].get_status(self._eventtime)
            self._taken[key] = copy.deepcopy(status)
        return self._taken[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._printer.objects)

    def __len__(self) -> int:
        return len(self._printer.objects)


class Template:
    """One option of a section, compiled; ConfigError if it is not a template."""

    def __init__(self, printer: Printer, name: str, script: str) -> None:
        self._printer = printer
        self._name = name
        try:
            self._template = _ENVIRONMENT.from_string(script)
        except jinja2.TemplateSyntaxError as error:
            line = script.splitlines()[error.lineno - 1]
            raise ConfigError(
                f"Error loading template '{name}'\n"
                f"line {error.lineno}: {line} # {error.message}"
            ) from error

    def context(self) -> dict[str, Any]:
        """What every template sees."""
        return {
            "printer": StatusView(self._printer),
            "action_emergency_stop": self._emergency_stop,
            "action_respond_info": self._respond_info,
            "action_raise_error": self._raise_error,
            "action_call_remote_method": self._call_remote_method,
        }

    def render(self, context: Mapping[str, Any] | None = None) -> str:
        """The G-code; CommandError for anything that goes wrong inside."""
        try:
            return self._template.render(self.context() if context is None else context)
        except Exception as error:
            log.exception("Error evaluating '%s'", self._name)
            text = traceback.format_exception_only(error)[-1]
            if isinstance(error, CommandError):
                text = f"gcode.CommandError: {error}\n"
            raise CommandError(f"Error evaluating '{self._name}': {text}") from error

    def _emergency_stop(self, msg: str = "action_emergency_stop") -> str:
        self._printer.invoke_shutdown(f"Shutdown due to {msg}")
        return ""

    def _respond_info(self, msg: str) -> str:
        self._printer.gcode.respond_info(str(msg))
        return ""

    def _raise_error(self, msg: str) -> str:
        raise CommandError(msg)

    def _call_remote_method(self, method: str, **kwargs: Any) -> str:
        try:
            self._printer.webhooks.call_remote_method(method, kwargs)
        except CommandError:
            log.exception("Remote Call Error")
        return ""


def parse_literal(text: str) -> Any:
    """A Python literal that is JSON, too; ValueError if it is not."""
    try:
        value = ast.literal_eval(text)
        json.dumps(value)
    except (SyntaxError, TypeError) as error:
        raise ValueError(str(error)) from error
    return value


class GCodeMacro:
    """One ``[gcode_macro NAME]``: a command, its template and its variables."""

    def __init__(self, printer: Printer, section: ConfigSection) -> None:
        words = section.name.split()
        if len(words) != 2:
            raise ConfigError(
                f"Name of section '{section.name}' contains illegal whitespace"
            )
        self._printer = printer
        self._name = words[1]
        self._alias = self._name.upper()
        self._template = Template(
            printer, f"{section.name}:gcode", section.get("gcode")
        )
        self._renamed = section.find("rename_existing")
        self._help = section.get("description", "G-Code macro")
        self._running = False
        self._variables: dict[str, Any] = {}
        for option in section.options("variable_"):
            self._declare(section, option)
        gcode = printer.gcode
        if self._renamed is None:
            gcode.register(self._alias, self._run, self._help)
        elif is_traditional(self._alias) != is_traditional(self._renamed):
            raise ConfigError(
                f"G-Code macro rename of different types ('{self._alias}' vs "
                f"'{self._renamed}')"
            )
        else:
            printer.connect_callbacks.append(self._rename_existing)
        gcode.register_mux(
            "SET_GCODE_VARIABLE",
            "MACRO",
            self._name,
            self._set_variable,
            "Set the value of a G-Code macro variable",
        )

    def _declare(self, section: ConfigSection, option: str) -> None:
        try:
            value = parse_literal(section.get(option))
        except ValueError as error:
            raise ConfigError(
                f"Option '{option}' in section '{section.name}' is not a valid "
                f"literal: {error}"
            ) from error
        self._variables[option.removeprefix("variable_")] = value

    def _rename_existing(self) -> None:
        existing = self._printer.gcode.unregister(self._alias)
        if existing is None:
            raise ConfigError(
                f"Existing command '{self._alias}' not found in gcode_macro rename"
            )
        renamed = str(self._renamed)
        text = f"Renamed builtin of '{self._alias}'"
        self._printer.gcode.register(renamed, existing, text)
        self._printer.gcode.register(self._alias, self._run, self._help)

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object: the variables."""
        return self._variables

    def _set_variable(self, command: GCodeCommand) -> None:
        variable, text = command.get("VARIABLE"), command.get("VALUE")
        if variable not in self._variables:
            raise CommandError(f"Unknown gcode_macro variable '{variable}'")
        try:
            value = parse_literal(text)
        except ValueError as error:
            raise CommandError(
                f"Unable to parse '{text}' as a literal: {error} in '{command.line}'"
            ) from error
        # A new dict: subscriptions compare with the one they have seen.
        self._variables = {**self._variables, variable: value}

    async def _run(self, command: GCodeCommand) -> None:
        if self._running:
            raise CommandError(f"Macro {self._alias} called recursively")
        context = {
            **self._variables,
            **self._template.context(),
            "params": command.params,
            "rawparams": command.raw_params,
        }
        self._running = True
        try:
            await self._printer.gcode.run_nested(self._template.render(context))
        finally:
            self._running = False
