# Idle, Ready or Printing, by the toolhead's clock.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Printer object ``idle_timeout``: "Printing" means that the toolhead is kept busy.

After the timeout without motion the heaters and motors are switched off. Source:
klippy/extras/idle_timeout.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from .gcode import CommandError, GCodeCommand
from .macro import Template

if TYPE_CHECKING:
    from .printer import Printer

log = logging.getLogger(__name__)

READY_TIMEOUT_S = 0.5
DEFAULT_TIMEOUT_S = 600.0
DEFAULT_GCODE = "{% if 'heaters' in printer %}\nTURN_OFF_HEATERS\n{% endif %}\nM84"


class IdleTimeout:
    """Watches the toolhead; all its timers are host time."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._toolhead = printer.toolhead
        section = printer.config.section("idle_timeout")
        self._timeout_s = section.get_float("timeout", DEFAULT_TIMEOUT_S, above=0.0)
        self._template = Template(
            printer, "idle_timeout:gcode", section.get("gcode", DEFAULT_GCODE)
        )
        self._state = "Idle"
        self._printing_since = 0.0
        self._changed = asyncio.Event()
        printer.gcode.register(
            "SET_IDLE_TIMEOUT", self._set_timeout, "Set the idle timeout in seconds"
        )
        printer.toolhead.sync_callbacks.append(self._note_motion)
        printer.ready_callbacks.append(
            lambda: printer.tasks.start("idle_timeout", self._watch())
        )

    @property
    def is_printing(self) -> bool:
        """Whether the toolhead is kept busy."""
        return self._state == "Printing"

    def get_status(self, eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        printing_s = eventtime - self._printing_since if self.is_printing else 0.0
        return {
            "state": self._state,
            "printing_time": printing_s,
            "idle_timeout": self._timeout_s,
        }

    def _note_motion(self, eventtime: float, _print_time: float) -> None:
        if self._state != "Printing":
            self._state = "Printing"
            self._printing_since = eventtime
            self._changed.set()

    async def _watch(self) -> None:
        while not self._printer.is_shutdown:
            missing_s = None if self._state == "Idle" else self._missing_rest_s()
            if missing_s is None or missing_s > 0.0:
                await self._wait_for_change(missing_s)
            elif self._state == "Printing":
                self._state = "Ready"
            else:
                await self._go_idle()

    def _missing_rest_s(self) -> float:
        """How much longer nothing may happen until the next state."""
        wanted_s = READY_TIMEOUT_S if self._state == "Printing" else self._timeout_s
        clock = self._printer.clock
        rested_s = clock.host_seconds(clock.print_time() - self._toolhead.print_time)
        if self._toolhead.is_busy() or self._printer.gcode.mutex.locked:
            return max(READY_TIMEOUT_S, wanted_s - rested_s)
        return wanted_s - rested_s

    async def _wait_for_change(self, timeout_s: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        self._changed.clear()

    async def _go_idle(self) -> None:
        self._state = "Printing"
        try:
            await self._printer.gcode.run_script(self._template.render())
        except CommandError:
            log.exception("idle timeout gcode execution")
        self._state = "Idle"

    def _set_timeout(self, command: GCodeCommand) -> None:
        self._timeout_s = command.get_float("TIMEOUT", self._timeout_s, above=0.0)
        self._printer.gcode.respond_info(
            f"idle_timeout: Timeout set to {self._timeout_s:.2f} s"
        )
        self._changed.set()
