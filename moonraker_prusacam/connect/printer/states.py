# How Klipper's states are told to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One state of nine, with its reason, and what a person is asked about it.

The mapping of print states is that of a bridge that was tried with the real service.
What ATTENTION stands for there is Prusa's: somebody has to come to the printer. What
its dialogs look like for a printer like this one is a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import CommandRejected

from .messages import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .view import PrinterView

# Klipper restarts in seconds; what lasts longer is told.
GRACE_S = 30.0
AWAY = {
    "absent": "Moonraker does not answer",
    "disconnected": "Klipper is not running",
    "startup": "Klipper does not get ready",
}
PRINTS = {
    "printing": State.PRINTING,
    "paused": State.PAUSED,
    "complete": State.FINISHED,
    "cancelled": State.STOPPED,
    "error": State.ERROR,
}
ACTIVE = (State.PRINTING, State.PAUSED, State.ATTENTION, State.BUSY)
WITH_JOB = (State.PRINTING, State.PAUSED, State.FINISHED, State.STOPPED)
MAX_REASON = 200


@attrs.frozen
class Dialog:
    """What a person is asked; ``buttons`` lead to the commands they stand for."""

    title: str
    buttons: Mapping[str, str]


RUNOUT = Dialog("Filament runout", {"Resume": "RESUME_PRINT", "Stop": "STOP_PRINT"})
KLIPPER_ERROR = Dialog("Klipper error", {"Restart": "RESET_PRINTER"})


@attrs.frozen
class Standing:
    """How the printer is; ``dialog_id`` is that of the dialog, which comes with it."""

    state: State
    reason: str = ""
    dialog: Dialog | None = None
    dialog_id: int | None = None
    job_id: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether things change by the second."""
        return self.state in ACTIVE


class StateKeeper:
    """Follows the printer, and keeps the user's word that a print may begin."""

    def __init__(self, now_s: float) -> None:
        self.standing = Standing(State.BUSY)
        self._is_ready = False
        self._away_since_s: float | None = now_s
        self._dialogs = 0

    @property
    def is_ready(self) -> bool:
        """Whether the user has said so, and nothing has happened since."""
        return self._is_ready

    def set_ready(self, *, is_ready: bool) -> None:
        """Take the user's word, or take it back; raises CommandRejected."""
        if is_ready and self.standing.state not in (
            State.IDLE,
            State.READY,
            State.FINISHED,
            State.STOPPED,
        ):
            raise CommandRejected(f"The printer is {self.standing.state}, not idle")
        self._is_ready = is_ready

    def update(self, view: PrinterView, now_s: float) -> Standing:
        """The standing by ``view``, at ``now_s`` of a clock that never jumps."""
        if view.klippy != "ready" or _is_printing(view):
            self._is_ready = False
        state, reason, dialog = self._read(view, now_s)
        identity = None
        if dialog is not None:
            if dialog != self.standing.dialog:
                self._dialogs += 1
            identity = self._dialogs
        is_jobs = state in WITH_JOB or dialog is RUNOUT or _has_failed(view)
        job_id = view.job.id if view.job is not None and is_jobs else None
        self.standing = Standing(state, reason[:MAX_REASON], dialog, identity, job_id)
        return self.standing

    def _read(
        self, view: PrinterView, now_s: float
    ) -> tuple[State, str, Dialog | None]:
        if view.klippy in AWAY:
            if self._away_since_s is None:
                self._away_since_s = now_s
            if now_s - self._away_since_s < GRACE_S:
                return State.BUSY, "", None
            return State.ERROR, view.message or AWAY[view.klippy], None
        self._away_since_s = None
        if view.klippy == "shutdown":
            return State.ERROR, view.message or "Klipper has shut down", None
        if view.klippy != "ready":
            # Nothing that can be done from afar makes it start.
            reason = view.message or "Klipper cannot start"
            return State.ATTENTION, reason, KLIPPER_ERROR
        return self._read_print(view)

    def _read_print(self, view: PrinterView) -> tuple[State, str, Dialog | None]:
        job = view.job
        state = None if job is None else PRINTS.get(job.state)
        if state is State.PAUSED and view.filament_runout:
            return State.ATTENTION, "The filament has run out", RUNOUT
        if state is State.ERROR:
            return State.ERROR, view.message or "The print has failed", None
        if state in (State.PRINTING, State.PAUSED):
            return state, "", None
        if view.is_busy and state is None:
            return State.BUSY, "", None
        if self._is_ready:
            return State.READY, "", None
        return state or State.IDLE, "", None


def _is_printing(view: PrinterView) -> bool:
    return view.job is not None and view.job.state in ("printing", "paused")


def _has_failed(view: PrinterView) -> bool:
    return view.klippy == "ready" and view.job is not None and view.job.state == "error"
