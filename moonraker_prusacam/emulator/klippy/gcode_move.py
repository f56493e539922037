# G-code coordinates and the commands that move the toolhead.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a G-code position means: offsets, absolute and relative, factors.

``last_position`` is where the last command leads to, in the toolhead's coordinates;
the motion is up to a second behind. Source: klippy/extras/gcode_move.py and
docs/G-Codes.md.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import attrs

from .gcode import CommandError, Coord, GCodeCommand

if TYPE_CHECKING:
    from .printer import Printer

_AXIS_MAP = {"X": 0, "Y": 1, "Z": 2, "E": 3}
_E = 3


@attrs.define
class _State:
    """All that SAVE_GCODE_STATE saves. Speeds are mm/s, factors include 1/60."""

    absolute_coord: bool = True
    absolute_extrude: bool = True
    base_position: list[float] = attrs.Factory(lambda: [0.0] * 4)
    last_position: list[float] = attrs.Factory(lambda: [0.0] * 4)
    homing_position: list[float] = attrs.Factory(lambda: [0.0] * 4)
    speed: float = 25.0
    speed_factor: float = 1.0 / 60.0
    extrude_factor: float = 1.0


class GCodeMove:
    """Printer object ``gcode_move``."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._toolhead = printer.toolhead
        self._state = _State(last_position=list(printer.toolhead.position))
        self._saved: dict[str, _State] = {}
        gcode = printer.gcode
        for name in ("G0", "G1"):
            gcode.register(name, self._move)
        gcode.register("G4", self._dwell)
        gcode.register("G20", self._inches)
        gcode.register("G21", lambda _command: None)
        gcode.register("G28", self._home)
        gcode.register("G90", lambda _command: self._set(absolute_coord=True))
        gcode.register("G91", lambda _command: self._set(absolute_coord=False))
        gcode.register("G92", self._set_origin)
        gcode.register("M82", lambda _command: self._set(absolute_extrude=True))
        gcode.register("M83", lambda _command: self._set(absolute_extrude=False))
        gcode.register("M114", self._report, when_not_ready=True)
        gcode.register("M220", self._set_speed_factor)
        gcode.register("M221", self._set_extrude_factor)
        gcode.register("M400", lambda _command: self._toolhead.wait_moves())
        gcode.register(
            "SET_GCODE_OFFSET", self._set_offset, "Set a virtual offset to positions"
        )
        gcode.register("SAVE_GCODE_STATE", self._save, "Save G-Code coordinate state")
        gcode.register(
            "RESTORE_GCODE_STATE",
            self._restore,
            "Restore a previously saved G-Code state",
        )
        gcode.error_callbacks.append(self.reset_last_position)

    @property
    def extruder_position(self) -> float:
        """E of the last command, in mm of filament."""
        return self._state.last_position[_E]

    @property
    def extrude_factor(self) -> float:
        """Factor of M221."""
        return self._state.extrude_factor

    def reset_last_position(self) -> None:
        """Forget a move that failed."""
        if self._printer.is_ready:
            self._state.last_position = list(self._toolhead.position)

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object ``gcode_move``."""
        state = self._state
        return {
            "speed_factor": state.speed_factor * 60.0,
            "speed": state.speed / state.speed_factor,
            "extrude_factor": state.extrude_factor,
            "absolute_coordinates": state.absolute_coord,
            "absolute_extrude": state.absolute_extrude,
            "homing_origin": Coord(state.homing_position),
            "position": Coord(state.last_position),
            "gcode_position": Coord(self._gcode_position()),
            "axis_map": _AXIS_MAP,
        }

    def _gcode_position(self) -> list[float]:
        state = self._state
        position = [
            last - base
            for last, base in zip(state.last_position, state.base_position, strict=True)
        ]
        position[_E] /= state.extrude_factor
        return position

    def _set(
        self,
        *,
        absolute_coord: bool | None = None,
        absolute_extrude: bool | None = None,
    ) -> None:
        if absolute_coord is not None:
            self._state.absolute_coord = absolute_coord
        if absolute_extrude is not None:
            self._state.absolute_extrude = absolute_extrude

    async def _move(self, command: GCodeCommand) -> None:
        state = self._state
        try:
            for name, axis in _AXIS_MAP.items():
                if name not in command.params:
                    continue
                value = float(command.params[name])
                is_absolute = state.absolute_coord
                if axis == _E:
                    value *= state.extrude_factor
                    is_absolute = is_absolute and state.absolute_extrude
                origin = state.base_position if is_absolute else state.last_position
                state.last_position[axis] = value + origin[axis]
            if "F" in command.params:
                speed = float(command.params["F"])
                if speed <= 0.0:
                    raise CommandError(f"Invalid speed in '{command.line}'")
                state.speed = speed * state.speed_factor
        except ValueError as error:
            raise CommandError(f"Unable to parse move '{command.line}'") from error
        await self._toolhead.move(state.last_position, state.speed)

    async def _dwell(self, command: GCodeCommand) -> None:
        await self._toolhead.dwell(command.get_float("P", 0.0, minimum=0.0) / 1000.0)

    def _inches(self, _command: GCodeCommand) -> None:
        raise CommandError("Machine does not support G20 (inches) command")

    async def _home(self, command: GCodeCommand) -> None:
        axes = [axis for axis, name in enumerate("XYZ") if name in command.params]
        for axis in axes or range(3):
            await self._toolhead.home([axis])
            self.reset_last_position()
            self._state.base_position[axis] = self._state.homing_position[axis]

    def _set_origin(self, command: GCodeCommand) -> None:
        state = self._state
        values = [command.find_float(name) for name in "XYZE"]
        if values == [None] * 4:
            state.base_position = list(state.last_position)
            return
        for axis, value in enumerate(values):
            if value is not None:
                factor = state.extrude_factor if axis == _E else 1.0
                state.base_position[axis] = state.last_position[axis] - value * factor

    def _report(self, _command: GCodeCommand) -> None:
        x, y, z, e = self._gcode_position()
        self._printer.gcode.respond_raw(f"X:{x:.3f} Y:{y:.3f} Z:{z:.3f} E:{e:.3f}")

    def _set_speed_factor(self, command: GCodeCommand) -> None:
        factor = command.get_float("S", 100.0, above=0.0) / 6000.0
        self._state.speed *= factor / self._state.speed_factor
        self._state.speed_factor = factor

    def _set_extrude_factor(self, command: GCodeCommand) -> None:
        state = self._state
        factor = command.get_float("S", 100.0, above=0.0) / 100.0
        extruded = state.last_position[_E] - state.base_position[_E]
        state.base_position[_E] = (
            state.last_position[_E] - extruded / state.extrude_factor * factor
        )
        state.extrude_factor = factor

    async def _set_offset(self, command: GCodeCommand) -> None:
        state = self._state
        deltas = [0.0] * 4
        for axis, name in enumerate("XYZE"):
            offset = command.find_float(name)
            if offset is None:
                adjustment = command.find_float(f"{name}_ADJUST")
                if adjustment is None:
                    continue
                offset = state.homing_position[axis] + adjustment
            deltas[axis] = offset - state.homing_position[axis]
            state.base_position[axis] += deltas[axis]
            state.homing_position[axis] = offset
        if command.get_int("MOVE", 0):
            speed = command.get_float("MOVE_SPEED", state.speed, above=0.0)
            for axis, delta in enumerate(deltas):
                state.last_position[axis] += delta
            await self._toolhead.move(state.last_position, speed)

    def _save(self, command: GCodeCommand) -> None:
        self._saved[command.get("NAME", "default")] = copy.deepcopy(self._state)

    async def _restore(self, command: GCodeCommand) -> None:
        name = command.get("NAME", "default")
        if name not in self._saved:
            raise CommandError(f"Unknown g-code state: {name}")
        saved = copy.deepcopy(self._saved[name])
        current = self._state.last_position
        # E continues from where it is now: what was extruded stays extruded.
        saved.base_position[_E] += current[_E] - saved.last_position[_E]
        target = [*saved.last_position[:3], current[_E]]
        saved.last_position = current
        self._state = saved
        if command.get_int("MOVE", 0):
            speed = command.get_float("MOVE_SPEED", saved.speed, above=0.0)
            saved.last_position = target
            await self._toolhead.move(target, speed)
