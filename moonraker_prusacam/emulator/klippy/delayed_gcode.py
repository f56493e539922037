# Templates that run by themselves after a while.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[delayed_gcode]``: a template that a timer renders and runs.

The delay is host time. The template is rendered when the timer fires, and its lines
wait for the G-code mutex after that. Source: klippy/extras/delayed_gcode.py.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from .gcode import CommandError, GCodeCommand
from .macro import Template

if TYPE_CHECKING:
    from .config import ConfigSection
    from .printer import Printer

log = logging.getLogger(__name__)


class DelayedGCode:
    """One ``[delayed_gcode ID]``; UPDATE_DELAYED_GCODE starts, moves and stops it."""

    def __init__(self, printer: Printer, section: ConfigSection) -> None:
        self._printer = printer
        self._id = section.name.split()[1]
        self._template = Template(
            printer, f"{section.name}:gcode", section.get("gcode")
        )
        self._delay_s = section.get_float("initial_duration", 0.0, minimum=0.0)
        self._timer: asyncio.TimerHandle | None = None
        self._running = False
        self._repeats = False
        printer.gcode.register_mux(
            "UPDATE_DELAYED_GCODE",
            "ID",
            self._id,
            self._update,
            "Update the duration of a delayed_gcode",
        )
        printer.ready_callbacks.append(self._schedule)
        printer.disconnect_callbacks.append(self._cancel)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        self._cancel()
        if self._delay_s:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._delay_s, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._running = True
        self._printer.tasks.start(f"delayed_gcode {self._id}", self._run())

    async def _run(self) -> None:
        started = self._printer.clock.now()
        try:
            await self._printer.gcode.run_script(self._template.render())
        except CommandError:
            log.exception("Script running error")
        repeats = self._repeats
        self._running = self._repeats = False
        if repeats:
            elapsed_s = self._printer.clock.now() - started
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(
                max(0.0, self._delay_s - elapsed_s), self._fire
            )

    def _update(self, command: GCodeCommand) -> None:
        self._delay_s = command.get_float("DURATION", minimum=0.0)
        if self._running:
            self._repeats = self._delay_s != 0.0
        else:
            self._schedule()
