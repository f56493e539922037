# Commands that limit speed and acceleration.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SET_VELOCITY_LIMIT and M204: the toolhead's limits while it runs.

Source: klippy/toolhead.py and docs/G-Codes.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .gcode import GCodeCommand
    from .printer import Printer


class VelocityCommands:
    """Changes the limits of moves that are still to come."""

    def __init__(self, printer: Printer) -> None:
        self._gcode = printer.gcode
        self._limits = printer.toolhead.limits
        printer.gcode.register(
            "SET_VELOCITY_LIMIT", self._set_limits, "Set printer velocity limits"
        )
        printer.gcode.register("M204", self._set_acceleration)

    def _set_limits(self, command: GCodeCommand) -> None:
        limits = self._limits
        velocity = command.find_float("VELOCITY", above=0.0)
        accel = command.find_float("ACCEL", above=0.0)
        corner = command.find_float("SQUARE_CORNER_VELOCITY", minimum=0.0)
        ratio = command.find_float("MINIMUM_CRUISE_RATIO", minimum=0.0, below=1.0)
        if velocity is None and accel is None and corner is None and ratio is None:
            self._gcode.respond_info(
                f"max_velocity: {limits.max_velocity:.6f}\n"
                f"max_accel: {limits.max_accel:.6f}\n"
                f"minimum_cruise_ratio: {limits.minimum_cruise_ratio:.6f}\n"
                f"square_corner_velocity: {limits.square_corner_velocity:.6f}"
            )
        if velocity is not None:
            limits.max_velocity = velocity
        if accel is not None:
            limits.max_accel = accel
        if corner is not None:
            limits.square_corner_velocity = corner
        if ratio is not None:
            limits.minimum_cruise_ratio = ratio

    def _set_acceleration(self, command: GCodeCommand) -> None:
        accel = command.find_float("S", above=0.0)
        if accel is None:
            printing = command.find_float("P", above=0.0)
            travel = command.find_float("T", above=0.0)
            if printing is None or travel is None:
                self._gcode.respond_info(f'Invalid M204 command "{command.line}"')
                return
            accel = min(printing, travel)
        self._limits.max_accel = accel
