# The words of printers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that the local Prusa Connect knows, on its own account.

They are written down again, apart from those of our client, so that one is a check of
the other. Source: the printer SDK 0.8.1; keys of telemetry from the printers' firmware
as well; types of printers from clients that work.
"""

from __future__ import annotations

from typing import Any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STATES = _words("IDLE BUSY PRINTING PAUSED FINISHED STOPPED ERROR ATTENTION READY")
SOURCES = _words("CONNECT GUI WUI SERIAL GCODE MARLIN FIRMWARE HW USER SLOT")
EVENTS = _words(
    """ACCEPTED REJECTED FAILED FINISHED INFO STATE_CHANGED MEDIUM_EJECTED
    MEDIUM_INSERTED FILE_CHANGED FILE_INFO JOB_INFO TRANSFER_INFO MESH_BED_DATA
    TRANSFER_ABORTED TRANSFER_STOPPED TRANSFER_FINISHED SLOT_EVENT"""
)
COMMANDS = _words(
    """SEND_INFO GCODE START_PRINT STOP_PRINT PAUSE_PRINT RESUME_PRINT
    SEND_FILE_INFO DELETE_FILE DELETE_FOLDER DELETE_DIRECTORY CREATE_FOLDER
    CREATE_DIRECTORY SEND_JOB_INFO SEND_STATE_INFO UPGRADE RESET_PRINTER
    START_URL_DOWNLOAD START_CONNECT_DOWNLOAD SEND_TRANSFER_INFO STOP_TRANSFER
    SET_PRINTER_READY CANCEL_PRINTER_READY LOAD_FILAMENT UNLOAD_FILAMENT
    SLOT_ACTION DIALOG_ACTION"""
)
PRINTER_TYPES = _words(
    """1.2.5 1.2.6 1.3.0 1.3.1 1.3.5 1.3.6 1.3.9 1.3.10 1.4.0 1.4.1 2.1.0 3.1.0
    4.1.0 5.1.0 5.1.1 5.2.0 6.1.0 7.1.0 8.1.0"""
)

_NUMBERS = _words(
    """temp_nozzle temp_bed target_nozzle target_bed axis_x axis_y axis_z
    fan_extruder fan_hotend fan_print progress filament flow speed time_printing
    time_remaining time_transferring filament_change_in total_filament
    total_print_time transfer_progress transfer_time_remaining
    transfer_transferred"""
)
_NUMBER_PREFIXES = ("target_fan_", "odometer_")
_WHOLE = _words("transfer_id job_id command_id dialog_id")
_OBJECTS = _words("slot chamber")
_TEXTS = _words("state material")


def remarks_on(telemetry: dict[str, Any]) -> list[str]:
    """What of a printer's telemetry no known client sends."""
    remarks = []
    for name, value in telemetry.items():
        is_right = _is_right(name, value)
        if is_right is None:
            remarks.append(f"unknown key {name}")
        elif not is_right:
            remarks.append(f"{name} is {type(value).__name__}")
    return remarks


def _is_right(name: str, value: Any) -> bool | None:
    """Whether ``value`` is of the type of ``name``, None for a name unheard of."""
    if name in _NUMBERS or name.startswith(_NUMBER_PREFIXES):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if name in _WHOLE:
        return type(value) is int
    if name in _OBJECTS:
        return isinstance(value, dict)
    if name in _TEXTS:
        return isinstance(value, str)
    return isinstance(value, bool) if name == "inaccurate_estimates" else None
