# Statistics of the printed file.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Printer object ``print_stats``: state, durations, filament and layers of a print.

Durations are host seconds. ``print_duration`` leaves out pauses and the time before
the first extrusion. Source: klippy/extras/print_stats.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .gcode import GCodeCommand
    from .printer import Printer

_NO_FILAMENT_MM = 1e-7


class PrintStats:
    """Follows virtual_sdcard; ``state`` and the layers are read from other threads."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        printer.gcode.register(
            "SET_PRINT_STATS_INFO",
            self._set_info,
            "Pass slicer info like layer act and total to klipper",
        )
        self.reset()

    def reset(self) -> None:
        """Back to standby without a file."""
        self.filename = ""
        self.state = "standby"
        self.layer: int | None = None
        self.total_layers: int | None = None
        self._message = ""
        self._total_s = self._initial_s = self._paused_s = 0.0
        self._filament_used = self._last_e = 0.0
        self._started_at: float | None = None
        self._paused_at: float | None = None

    def select(self, filename: str) -> None:
        """A file was opened."""
        self.reset()
        self.filename = filename

    def note_start(self) -> None:
        """The file starts or goes on."""
        now = self._printer.clock.now()
        if self._started_at is None:
            self._started_at = now
        elif self._paused_at is not None:
            self._paused_s += now - self._paused_at
            self._paused_at = None
        self._last_e = self._printer.gcode_move.extruder_position
        self.state = "printing"
        self._message = ""

    def note_pause(self) -> None:
        """The file stopped before its end."""
        if self._paused_at is None:
            self._paused_at = self._printer.clock.now()
            self._count_filament()
        if self.state != "error":
            self.state = "paused"

    def note_finish(self, state: str, message: str = "") -> None:
        """The file ended as ``complete``, ``cancelled`` or ``error``."""
        if self._started_at is None:
            return
        self.state = state
        self._message = message
        self._total_s = self._printer.clock.now() - self._started_at
        if self._paused_at is None:
            # Klipper leaves out what was extruded since the last status. That is a
            # quarter of a second, but minutes of a print that runs faster.
            self._count_filament()
        if self._filament_used < _NO_FILAMENT_MM:
            self._initial_s = self._total_s - self._paused_s
        self._started_at = None

    def _count_filament(self) -> None:
        move = self._printer.gcode_move
        extruded = move.extruder_position - self._last_e
        self._filament_used += extruded / move.extrude_factor
        self._last_e = move.extruder_position

    def _set_info(self, command: GCodeCommand) -> None:
        total = command.find_int("TOTAL_LAYER", minimum=0)
        current = command.find_int("CURRENT_LAYER", minimum=0)
        if total == 0:
            self.total_layers = self.layer = None
        elif total is not None and total != self.total_layers:
            self.total_layers, self.layer = total, 0
        # Without a total the current layer means nothing.
        if self.total_layers is not None and current is not None:
            self.layer = min(current, self.total_layers)

    def get_status(self, eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        paused_s = self._paused_s
        if self._started_at is not None:
            if self._paused_at is not None:
                paused_s += eventtime - self._paused_at
            else:
                self._count_filament()
            self._total_s = eventtime - self._started_at
            if self._filament_used < _NO_FILAMENT_MM:
                self._initial_s = self._total_s - paused_s
        return {
            "filename": self.filename,
            "total_duration": self._total_s,
            "print_duration": self._total_s - self._initial_s - paused_s,
            "filament_used": self._filament_used,
            "state": self.state,
            "message": self._message,
            "info": {"total_layer": self.total_layers, "current_layer": self.layer},
        }
