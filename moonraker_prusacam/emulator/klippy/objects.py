# The small printer objects.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects with a few lines of state each: what front ends expect to find.

Each class names the printer object that it stands for. Source: Klipper
docs/Status_Reference.md.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import ConfigError

from .gcode import CommandError, GCodeCommand
from .toolhead import AXES

if TYPE_CHECKING:
    from .printer import Printer

PROGRESS_TIMEOUT_S = 5.0
SOFTWARE_VERSION = "v0.13.0-730-simulated"

# Prefix and what stands between it and the message.
_RESPOND_TYPES = {
    "echo": ("echo:", " "),
    "command": ("//", " "),
    "error": ("!!", " "),
    "echo_no_space": ("echo:", ""),
}


class ConfigStatus:
    """Object ``configfile``: what was read, as text and with types."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._config = printer.config.raw()
        self._settings: dict[str, dict[str, Any]] = {}
        printer.connect_callbacks.append(self._collect)

    def _collect(self) -> None:
        self._settings = self._printer.config.settings()

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {
            "config": self._config,
            "warnings": [],
            "save_config_pending": False,
            "save_config_pending_items": {},
            "settings": self._settings,
        }


class Mcu:
    """Object ``mcu``: a micro-controller with little to say."""

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {
            "mcu_version": SOFTWARE_VERSION,
            "mcu_build_versions": "simulated",
            "mcu_constants": {"CLOCK_FREQ": 16000000, "MCU": "simulated"},
            "last_stats": {
                "mcu_awake": 0.001,
                "mcu_task_avg": 0.00001,
                "mcu_task_stddev": 0.00001,
                "freq": 16000000,
            },
        }


class SystemStats:
    """Object ``system_stats``: the load of this host."""

    REFRESH_S = 1.0

    def __init__(self) -> None:
        self._status: dict[str, Any] = {}
        self._expires = 0.0

    def get_status(self, eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        if eventtime >= self._expires:
            self._expires = eventtime + self.REFRESH_S
            pages = os.sysconf("SC_AVPHYS_PAGES") * (os.sysconf("SC_PAGE_SIZE") // 1024)
            self._status = {
                "sysload": os.getloadavg()[0],
                "cputime": time.process_time(),
                "memavail": pages,
            }
        return self._status


class Fan:
    """Object ``fan``: the part cooling fan of M106 and M107."""

    def __init__(self, printer: Printer) -> None:
        self._speed = 0.0
        printer.gcode.register("M106", self._set)
        printer.gcode.register("M107", lambda _command: self.turn_off())

    def turn_off(self) -> None:
        """Stop the fan."""
        self._speed = 0.0

    def _set(self, command: GCodeCommand) -> None:
        self._speed = min(1.0, command.get_float("S", 255.0, minimum=0.0) / 255.0)

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {"speed": self._speed, "rpm": None}


class DisplayStatus:
    """Object ``display_status``: M73's progress and M117's message."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._progress: float | None = None
        self._expires = 0.0
        self._message: str | None = None
        gcode = printer.gcode
        gcode.register("M73", self._set_progress)
        gcode.register("M117", lambda command: self._show(command.raw_params))
        gcode.register(
            "SET_DISPLAY_TEXT",
            lambda command: self._show(command.find("MSG")),
            "Set or clear the display message",
        )

    def _show(self, text: str | None) -> None:
        self._message = text or None

    def _set_progress(self, command: GCodeCommand) -> None:
        percent = command.find_float("P")
        if percent is not None:
            self._progress = min(1.0, max(0.0, percent / 100.0))
            self._expires = self._printer.clock.now() + PROGRESS_TIMEOUT_S

    def get_status(self, eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        if eventtime > self._expires and not self._printer.idle_timeout.is_printing:
            self._progress = None
        progress = self._progress
        if progress is None:
            progress = self._printer.sdcard.get_status(eventtime)["progress"]
        return {"progress": progress, "message": self._message}


class ExcludeObject:
    """Object ``exclude_object``: keeps the lists; no move is left out."""

    def __init__(self, printer: Printer) -> None:
        self._gcode = printer.gcode
        self.reset()
        register = printer.gcode.register
        register(
            "EXCLUDE_OBJECT_DEFINE", self._define, "Provides a summary of an object"
        )
        register(
            "EXCLUDE_OBJECT", self._exclude, "Cancel moves inside specified objects"
        )
        register(
            "EXCLUDE_OBJECT_START",
            self._start,
            "Marks the beginning the current object as labeled",
        )
        register("EXCLUDE_OBJECT_END", self._end, "Marks the end the current object")

    def reset(self) -> None:
        """Forget all objects."""
        self._objects: list[dict[str, Any]] = []
        self._excluded: list[str] = []
        self._current: str | None = None

    def _add(self, definition: dict[str, Any]) -> None:
        self._objects = sorted([*self._objects, definition], key=lambda o: o["name"])

    def _define(self, command: GCodeCommand) -> None:
        if command.find("RESET"):
            self.reset()
            return
        params = dict(command.params)
        name = params.pop("NAME", "").upper()
        if not name:
            names = " ".join(known["name"] for known in self._objects)
            self._gcode.respond_info(f"Known objects: {names}")
            return
        definition: dict[str, Any] = {"name": name}
        try:
            if "CENTER" in params:
                definition["center"] = json.loads(f"[{params.pop('CENTER')}]")
            if "POLYGON" in params:
                definition["polygon"] = json.loads(params.pop("POLYGON"))
        except ValueError as error:
            raise CommandError(f"Malformed command '{command.line}'") from error
        self._add({**params, **definition})

    def _start(self, command: GCodeCommand) -> None:
        name = command.get("NAME").upper()
        if all(known["name"] != name for known in self._objects):
            self._add({"name": name})
        self._current = name

    def _end(self, _command: GCodeCommand) -> None:
        self._current = None

    def _exclude(self, command: GCodeCommand) -> None:
        name = command.get("NAME", "").upper()
        if command.find("RESET"):
            kept = [excluded for excluded in self._excluded if name != excluded]
            self._excluded = kept if name else []
            return
        if not name and command.find("CURRENT"):
            if self._current is None:
                raise CommandError("There is no current object to cancel")
            name = self._current
        if not name:
            self._gcode.respond_info(f"Excluded objects: {' '.join(self._excluded)}")
        elif name not in self._excluded:
            self._gcode.respond_info(f"Excluding object {name}")
            self._excluded = sorted([*self._excluded, name])

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {
            "objects": self._objects,
            "excluded_objects": self._excluded,
            "current_object": self._current,
        }


class QueryEndstops:
    """Object ``query_endstops``: an endstop is pressed where the axis ends."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._last: dict[str, bool] = {}
        printer.gcode.register(
            "QUERY_ENDSTOPS", self._report, "Report on the status of each endstop"
        )
        printer.gcode.register("M119", self._report)

    def query(self) -> dict[str, str]:
        """``open`` or ``TRIGGERED`` by axis."""
        position = self._printer.toolhead.physical_position()
        self._last = {axis: position[i] <= 0.0 for i, axis in enumerate(AXES)}
        return {k: "TRIGGERED" if v else "open" for k, v in self._last.items()}

    def _report(self, _command: GCodeCommand) -> None:
        text = " ".join(f"{axis}:{state}" for axis, state in self.query().items())
        self._printer.gcode.respond_raw(text)

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {"last_query": self._last}


class StepperEnable:
    """Object ``stepper_enable``: M18 and M84."""

    def __init__(self, printer: Printer) -> None:
        self._toolhead = printer.toolhead
        for name in ("M18", "M84"):
            printer.gcode.register(name, lambda _command: self._toolhead.motor_off())

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        names = (*(f"stepper_{axis}" for axis in AXES), "extruder")
        return {"steppers": dict.fromkeys(names, self._toolhead.motors_on)}


class ManualProbe:
    """Object ``manual_probe``: never active."""

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {
            "is_active": False,
            "z_position": None,
            "z_position_lower": None,
            "z_position_upper": None,
        }


class Respond:
    """``[respond]``: RESPOND and M118. No printer object."""

    def __init__(self, printer: Printer) -> None:
        self._gcode = printer.gcode
        section = printer.config.section("respond")
        kind = section.get("default_type", "echo")
        if kind not in _RESPOND_TYPES:
            raise ConfigError(
                f"Choice '{kind}' for option 'default_type' in section 'respond' is "
                "not a valid choice"
            )
        self._prefix = section.get("default_prefix", _RESPOND_TYPES[kind][0])
        self._gcode.register("M118", self._echo, when_not_ready=True)
        self._gcode.register(
            "RESPOND",
            self._respond,
            "Echo the message prepended with a prefix",
            when_not_ready=True,
        )

    def _echo(self, command: GCodeCommand) -> None:
        self._gcode.respond_raw(f"{self._prefix} {command.raw_params}")

    def _respond(self, command: GCodeCommand) -> None:
        prefix, space = self._prefix, " "
        kind = command.get("TYPE", "").lower()
        if kind:
            if kind not in _RESPOND_TYPES:
                raise CommandError(
                    f"RESPOND TYPE '{kind}' is invalid. Must be one of 'echo', "
                    "'command', or 'error'"
                )
            prefix, space = _RESPOND_TYPES[kind]
        prefix = command.get("PREFIX", prefix)
        self._gcode.respond_raw(f"{prefix}{space}{command.get('MSG', '')}")
