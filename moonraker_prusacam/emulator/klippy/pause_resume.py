# PAUSE, RESUME, CANCEL_PRINT and CLEAR_PAUSE.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[pause_resume]``: stops the file, keeps the position, and goes back to it.

Source: klippy/extras/pause_resume.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .gcode import GCodeCommand
    from .printer import Printer
    from .sdcard import VirtualSD


class PauseResume:
    """Printer object ``pause_resume``."""

    def __init__(self, printer: Printer, sdcard: VirtualSD) -> None:
        self._gcode = printer.gcode
        self._sdcard = sdcard
        section = printer.config.section("pause_resume")
        self._velocity = section.get_float("recover_velocity", 50.0, above=0.0)
        self._is_paused = False
        self._paused_sdcard = False
        self._was_sent = False
        register = printer.gcode.register
        register("PAUSE", self._pause, "Pauses the current print")
        register("RESUME", self._resume, "Resumes the print from a pause")
        register("CANCEL_PRINT", self._cancel, "Cancel the current print")
        register(
            "CLEAR_PAUSE",
            self._clear,
            "Clears the current paused state without resuming the print",
        )
        for action, script in (
            ("cancel", "CANCEL_PRINT"),
            ("pause", "PAUSE"),
            ("resume", "RESUME"),
        ):
            printer.webhooks.register_script(f"pause_resume/{action}", script)

    def get_status(self, _eventtime: float) -> dict[str, Any]:
        """Status of the printer object."""
        return {"is_paused": self._is_paused}

    async def _pause(self, _command: GCodeCommand) -> None:
        if self._is_paused:
            self._gcode.respond_info("Print already paused")
            return
        if not self._was_sent:
            self._paused_sdcard = self._sdcard.is_active
            if self._paused_sdcard:
                await self._sdcard.pause()
            else:
                self._gcode.respond_info("action:paused")
            self._was_sent = True
        await self._gcode.run_nested("SAVE_GCODE_STATE NAME=PAUSE_STATE")
        self._is_paused = True

    async def _resume(self, command: GCodeCommand) -> None:
        if not self._is_paused:
            self._gcode.respond_info("Print is not paused, resume aborted")
            return
        velocity = command.get_float("VELOCITY", self._velocity)
        await self._gcode.run_nested(
            f"RESTORE_GCODE_STATE NAME=PAUSE_STATE MOVE=1 MOVE_SPEED={velocity:.4f}"
        )
        if self._paused_sdcard:
            self._sdcard.resume()
            self._paused_sdcard = False
        else:
            self._gcode.respond_info("action:resumed")
        self._was_sent = False
        self._is_paused = False

    def _clear(self, _command: GCodeCommand) -> None:
        self._is_paused = self._was_sent = False

    async def _cancel(self, command: GCodeCommand) -> None:
        if self._sdcard.is_active or self._paused_sdcard:
            await self._sdcard.cancel()
        else:
            self._gcode.respond_info("action:cancel")
        self._clear(command)
