# Klipper's objects as a view of the printer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which printer objects are wanted, and what they say in the words of ``PrinterView``.

Source of names and units: Klipper docs/Status_Reference.md. What is missing or makes no
sense is None, never a guess.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.connect.printer.view import PrinterView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moonraker_prusacam.connect.printer.view import Job, Transfer
    from moonraker_prusacam.moonraker import Klippy

OBJECTS: Mapping[str, list[str]] = {
    "webhooks": ["state", "state_message"],
    "print_stats": [
        "filename",
        "state",
        "message",
        "print_duration",
        "filament_used",
        "info",
    ],
    "virtual_sdcard": ["progress"],
    "display_status": ["progress"],
    "idle_timeout": ["state"],
    "gcode_move": ["speed_factor", "extrude_factor", "gcode_position"],
    "extruder": ["temperature", "target"],
    "heater_bed": ["temperature", "target"],
    "fan": ["speed"],
}
CHAMBERS = ("heater_generic", "temperature_fan", "temperature_sensor")
RUNOUT = ("filament_switch_sensor", "filament_motion_sensor")
IN_PRINT = frozenset({"printing", "paused"})


def wanted(names: Iterable[str]) -> dict[str, list[str] | None]:
    """The objects and fields to subscribe to, of those that the printer has."""
    chosen: dict[str, list[str] | None] = {}
    for name in names:
        kind, _, own = name.partition(" ")
        if name in OBJECTS:
            chosen[name] = OBJECTS[name]
        elif kind in CHAMBERS and "chamber" in own.lower():
            fields = ["temperature"]
            chosen[name] = fields + ["target"] * (kind != "temperature_sensor")
        elif kind in RUNOUT:
            chosen[name] = ["filament_detected", "enabled"]
    return chosen


def view_of(klippy: Klippy, job: Job | None, transfer: Transfer | None) -> PrinterView:
    """What is known at this moment."""
    told = PrinterView(
        klippy=klippy.state,
        message=klippy.message,
        transfer=transfer,
        klipper_version=str(klippy.info.get("software_version", "")),
        hostname=str(klippy.info.get("hostname", "")),
        moonraker_version=klippy.moonraker_version,
        nozzle_diameter_mm=_nozzle_mm(klippy.settings),
    )
    status = klippy.status
    if not status:
        return told
    chamber = _chamber(status)
    move = status.get("gcode_move", {})
    position = move.get("gcode_position")
    x, y, z = _three(position)
    words = str(status.get("print_stats", {}).get("message") or "")
    return attrs.evolve(
        told,
        message=told.message or words,
        job=job,
        is_busy=is_busy(status),
        nozzle_c=_number(status, "extruder", "temperature"),
        target_nozzle_c=_number(status, "extruder", "target"),
        bed_c=_number(status, "heater_bed", "temperature"),
        target_bed_c=_number(status, "heater_bed", "target"),
        chamber_c=_finite(chamber.get("temperature")),
        target_chamber_c=_finite(chamber.get("target")),
        x_mm=x,
        y_mm=y,
        z_mm=z,
        speed_percent=_percent(move.get("speed_factor")),
        flow_percent=_percent(move.get("extrude_factor")),
        fan_percent=_percent(status.get("fan", {}).get("speed")),
        filament_runout=has_runout(status),
    )


def print_state(status: Mapping[str, Mapping[str, Any]]) -> str:
    """``print_stats.state``; empty while nothing is known."""
    return str(status.get("print_stats", {}).get("state") or "")


def is_busy(status: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the printer moves or heats, and prints no file."""
    working = status.get("idle_timeout", {}).get("state") == "Printing"
    return working and print_state(status) not in IN_PRINT


def has_runout(status: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether an enabled sensor misses the filament."""
    return any(
        fields.get("enabled") is True and fields.get("filament_detected") is False
        for name, fields in status.items()
        if name.partition(" ")[0] in RUNOUT
    )


def progress_of(status: Mapping[str, Mapping[str, Any]]) -> float:
    """0 to 1: M73's, if the file has it, else how much of the file is done."""
    for name in ("display_status", "virtual_sdcard"):
        progress = _number(status, name, "progress")
        if progress is not None:
            return min(1.0, max(0.0, progress))
    return 0.0


def _chamber(status: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The object of the chamber: one that heats, if there is one."""
    found = [
        name
        for name in status
        if name.partition(" ")[0] in CHAMBERS and "chamber" in name.lower()
    ]
    found.sort(key=lambda name: CHAMBERS.index(name.partition(" ")[0]))
    return status[found[0]] if found else {}


def _nozzle_mm(settings: Mapping[str, Any]) -> float | None:
    extruder = settings.get("extruder")
    return (
        _finite(extruder.get("nozzle_diameter")) if isinstance(extruder, dict) else None
    )


def _three(position: object) -> tuple[float | None, float | None, float | None]:
    if not isinstance(position, list) or len(position) < 3:
        return None, None, None
    return _finite(position[0]), _finite(position[1]), _finite(position[2])


def _percent(factor: object) -> float | None:
    value = _finite(factor)
    return None if value is None else 100.0 * value


def _number(
    status: Mapping[str, Mapping[str, Any]], name: str, field: str
) -> float | None:
    return _finite(status.get(name, {}).get(field))


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
