# Heaters: a hot end and a bed that warm up in print time.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A body with a constant heater and linear losses under bang-bang control.

Sensors report every SAMPLE_S of print time and the value is smoothed, so that a
temperature reads 0.0 before its first report and overshoots a little, as real ones do.
Source: klippy/extras/heaters.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

from .gcode import CommandError, GCodeCommand

if TYPE_CHECKING:
    from .motion import Move
    from .printer import Printer

AMBIENT_C = 25.0
SAMPLE_S = 0.3
SMOOTH_S = 1.0
# Bang-bang control switches this far from the target.
MAX_DELTA_C = 2.0
# A gap in the samples longer than this is not simulated step by step.
MAX_GAP_S = 120.0
REPORT_S = 1.0


@attrs.define
class ThermalBody:
    """What keeps its heat while Klippy restarts."""

    heating_c_per_s: float
    loss_per_s: float
    temperature: float = AMBIENT_C

    def advance(self, duration_s: float, power: float) -> None:
        """Let time pass with the heater at ``power`` (0 to 1)."""
        balance = AMBIENT_C + power * self.heating_c_per_s / self.loss_per_s
        decay = math.exp(-self.loss_per_s * duration_s)
        self.temperature = balance + (self.temperature - balance) * decay


class Heater:
    """Sensor, control and limits of one body: objects ``extruder``, ``heater_bed``."""

    def __init__(self, printer: Printer, name: str, body: ThermalBody) -> None:
        self._printer = printer
        self._body = body
        section = printer.config.section(name)
        self._minimum = section.get_float("min_temp", 0.0)
        self._maximum = section.get_float("max_temp", 300.0)
        self.target = 0.0
        self.power = 0.0
        self._smoothed = 0.0
        self._sampled_at: float | None = None
        self._next_sample = printer.clock.print_time() + SAMPLE_S
        self._halted = False
        printer.shutdown_callbacks.append(self._halt)

    def _halt(self) -> None:
        # The micro-controller cuts the power and reports no more.
        self._update()
        self._halted = True

    def set_target(self, degrees: float) -> None:
        """Aim for ``degrees``; CommandError outside of the configured range."""
        if degrees and not self._minimum <= degrees <= self._maximum:
            raise CommandError(
                f"Requested temperature ({degrees:.1f}) out of range "
                f"({self._minimum:.1f}:{self._maximum:.1f})"
            )
        self._update()
        self.target = degrees

    def _update(self) -> None:
        if self._halted:
            return
        now = self._printer.clock.print_time()
        gap = now - self._next_sample - MAX_GAP_S
        if gap > 0.0:
            if not self.target:
                self._body.advance(gap, 0.0)
            self._next_sample += gap
        while self._next_sample <= now:
            self._sample()

    def _sample(self) -> None:
        time = self._next_sample
        self._body.advance(SAMPLE_S, self.power)
        measured = self._body.temperature
        since_s = math.inf if self._sampled_at is None else time - self._sampled_at
        self._smoothed += (measured - self._smoothed) * min(1.0, since_s / SMOOTH_S)
        self._sampled_at = time
        self._next_sample = time + SAMPLE_S
        if not self.target or measured >= self.target + MAX_DELTA_C:
            self.power = 0.0
        elif measured <= self.target - MAX_DELTA_C:
            self.power = 1.0

    @property
    def temperature(self) -> float:
        """Smoothed temperature as Klipper knows it."""
        self._update()
        return self._smoothed

    @property
    def is_busy(self) -> bool:
        """Whether M109 and M190 still wait."""
        return self.temperature < self.target - MAX_DELTA_C

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {
            "temperature": round(self.temperature, 2),
            "target": self.target,
            "power": self.power,
        }


class Extruder:
    """Printer object ``extruder``: the heater and what may be extruded."""

    def __init__(self, printer: Printer, heater: Heater) -> None:
        self._printer = printer
        self.heater = heater
        section = printer.config.section("extruder")
        nozzle = section.get_float("nozzle_diameter", 0.4, above=0.0)
        filament = section.get_float("filament_diameter", 1.75, above=0.0)
        self._min_extrude_temp = section.get_float("min_extrude_temp", 170.0)
        self._max_distance = section.get_float("max_extrude_only_distance", 50.0)
        ratio = 4.0 * nozzle**2 / (math.pi * (filament / 2.0) ** 2)
        limits = printer.toolhead.limits
        self._max_velocity = limits.max_velocity * ratio
        self._max_accel = limits.max_accel * ratio
        self._pressure_advance = section.get_float("pressure_advance", 0.0)
        self._smooth_time = section.get_float("pressure_advance_smooth_time", 0.04)
        printer.toolhead.check_extrusion = self._check
        for value in (None, "extruder"):
            printer.gcode.register_mux(
                "SET_PRESSURE_ADVANCE",
                "EXTRUDER",
                value,
                self._set_pressure_advance,
                "Set pressure advance parameters",
            )

    @property
    def can_extrude(self) -> bool:
        """Whether the nozzle is hot enough."""
        return self.heater.temperature >= self._min_extrude_temp

    def _check(self, move: Move) -> None:
        if not self.can_extrude:
            raise CommandError(
                "Extrude below minimum temp\n"
                "See the 'min_extrude_temp' config option for details"
            )
        ratio = move.direction[3]
        if move.direction[0] or move.direction[1]:
            if ratio >= 0.0:
                return
        elif abs(move.end[3] - move.start[3]) > self._max_distance:
            raise CommandError(
                f"Extrude only move too long ({move.end[3] - move.start[3]:.3f}mm vs "
                f"{self._max_distance:.3f}mm)\n"
                "See the 'max_extrude_only_distance' config option for details"
            )
        move.limit(self._max_velocity / abs(ratio), self._max_accel / abs(ratio))

    def _set_pressure_advance(self, command: GCodeCommand) -> None:
        advance = command.get_float("ADVANCE", self._pressure_advance, minimum=0.0)
        smooth = command.get_float("SMOOTH_TIME", self._smooth_time, minimum=0.0)
        self._pressure_advance, self._smooth_time = advance, smooth
        self._printer.gcode.respond_info(
            f"pressure_advance: {advance:.6f}\n"
            f"pressure_advance_smooth_time: {smooth:.6f}"
        )

    def get_status(self, eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {
            **self.heater.get_status(eventtime),
            "can_extrude": self.can_extrude,
            "pressure_advance": self._pressure_advance,
            "smooth_time": self._smooth_time,
            "motion_queue": None,
        }


class Heaters:
    """Printer object ``heaters`` and the temperature commands."""

    def __init__(self, printer: Printer, extruder: Heater, bed: Heater) -> None:
        self._printer = printer
        self._heaters = {"extruder": extruder, "heater_bed": bed}
        gcode = printer.gcode
        gcode.register("M104", lambda command: self._heat(command, extruder))
        gcode.register("M109", lambda command: self._heat(command, extruder, wait=True))
        gcode.register("M140", lambda command: self._heat(command, bed))
        gcode.register("M190", lambda command: self._heat(command, bed, wait=True))
        gcode.register("M105", self._report, when_not_ready=True)
        gcode.register(
            "TURN_OFF_HEATERS", lambda _command: self.turn_off(), "Turn off all heaters"
        )
        for name in self._heaters:
            gcode.register_mux(
                "SET_HEATER_TEMPERATURE",
                "HEATER",
                name,
                self._set_target,
                "Sets a heater temperature",
            )
            gcode.register_mux(
                "TEMPERATURE_WAIT",
                "SENSOR",
                name,
                self._wait_between,
                "Wait for a temperature on a sensor",
            )

    def turn_off(self) -> None:
        """Set all targets to 0."""
        for heater in self._heaters.values():
            heater.set_target(0.0)

    async def _heat(
        self, command: GCodeCommand, heater: Heater, *, wait: bool = False
    ) -> None:
        target = command.get_float("S", 0.0)
        if command.get_int("T", 0, minimum=0):
            if target > 0.0:
                raise CommandError("Extruder not configured")
            return
        heater.set_target(target)
        if wait and target:
            while heater.is_busy and not self._printer.is_shutdown:
                await self._report_and_wait()

    def _set_target(self, command: GCodeCommand) -> None:
        heater = self._heaters[command.get("HEATER")]
        heater.set_target(command.get_float("TARGET", 0.0))

    async def _wait_between(self, command: GCodeCommand) -> None:
        heater = self._heaters[command.get("SENSOR")]
        low = command.find_float("MINIMUM")
        high = command.find_float("MAXIMUM", above=low)
        if low is None and high is None:
            raise CommandError(
                "Error on 'TEMPERATURE_WAIT': missing MINIMUM or MAXIMUM."
            )
        low = -math.inf if low is None else low
        high = math.inf if high is None else high
        while not low <= heater.temperature <= high and not self._printer.is_shutdown:
            await self._report_and_wait()

    async def _report_and_wait(self) -> None:
        # Asking for the time keeps the toolhead's clock going, as in Klipper: a long
        # heat is not an idle printer.
        self._printer.toolhead.last_move_time()
        self._printer.gcode.respond_raw(self._temperatures())
        await self._printer.clock.sleep(REPORT_S)

    def _temperatures(self) -> str:
        ids = (("B", "heater_bed"), ("T0", "extruder"))
        return " ".join(
            f"{gcode_id}:{self._heaters[name].temperature:.1f} "
            f"/{self._heaters[name].target:.1f}"
            for gcode_id, name in ids
        )

    def _report(self, _command: GCodeCommand) -> None:
        self._printer.gcode.respond_raw(self._temperatures())

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object ``heaters``."""
        names = ["heater_bed", "extruder"]
        return {
            "available_heaters": names,
            "available_sensors": names,
            "available_monitors": [],
        }
