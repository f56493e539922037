# Commands that need no Klipper.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of the printer's entry in Prusa Connect; all else is Klipper's.

Sources: Prusa's printer SDK 0.8.1; for JOB_INFO Prusa's firmware. How a dialog's
button is named in DIALOG_ACTION is a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

from moonraker_prusacam.errors import CommandRejected

from .info import job_data
from .messages import EventKind, Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .messages import Command, Event
    from .states import StateKeeper
    from .view import PrinterActions


class Entry(Protocol):
    """The printer as Prusa Connect knows it."""

    actions: PrinterActions

    @property
    def states(self) -> StateKeeper:
        """How the printer is."""

    async def info(self, is_small: bool) -> Event:
        """INFO as it is now, without files if it has to be small."""

    def look(self) -> None:
        """Tell what has changed, before anything else is told."""


class Commands:
    """Does a command, or hands it on; raises CommandRejected and CommandFailed."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._own: dict[str, Callable[[Command], Awaitable[Outcome]]] = {
            "SEND_INFO": self._send_info,
            "SEND_STATE_INFO": self._send_state_info,
            "SEND_JOB_INFO": self._send_job_info,
            "SET_PRINTER_READY": self._set_ready,
            "CANCEL_PRINTER_READY": self._cancel_ready,
            "DIALOG_ACTION": self._dialog_action,
        }

    async def execute(self, command: Command) -> Outcome:
        """How it ended."""
        own = self._own.get(command.name)
        if own is not None:
            return await own(command)
        return await self._entry.actions.execute(command)

    async def _send_info(self, _: Command) -> Outcome:
        event = await self._entry.info(False)
        return Outcome(kind=EventKind.INFO, data=event.data)

    async def _send_state_info(self, _: Command) -> Outcome:
        standing = self._entry.states.standing
        return Outcome(kind=EventKind.STATE_CHANGED, job_id=standing.job_id)

    async def _send_job_info(self, command: Command) -> Outcome:
        job = self._entry.actions.view.job
        if job is None or self._entry.states.standing.job_id is None:
            raise CommandRejected("No job in progress")
        wanted = _argument(command, "job_id")
        if wanted is not None and wanted != job.id:
            raise CommandRejected("Job ID doesn't match")
        return Outcome(kind=EventKind.JOB_INFO, data=job_data(job), job_id=job.id)

    async def _set_ready(self, _: Command) -> Outcome:
        self._entry.states.set_ready(is_ready=True)
        self._entry.look()
        return Outcome()

    async def _cancel_ready(self, _: Command) -> Outcome:
        if not self._entry.states.is_ready:
            raise CommandRejected("The printer isn't ready")
        self._entry.states.set_ready(is_ready=False)
        self._entry.look()
        return Outcome()

    async def _dialog_action(self, command: Command) -> Outcome:
        standing = self._entry.states.standing
        if standing.dialog is None:
            raise CommandRejected("No dialog is open")
        if _argument(command, "dialog_id") != standing.dialog_id:
            raise CommandRejected("That dialog is not open any more")
        button = _argument(command, "button")
        chosen = {
            name.lower(): target for name, target in standing.dialog.buttons.items()
        }
        if not isinstance(button, str) or button.lower() not in chosen:
            known = ", ".join(standing.dialog.buttons)
            raise CommandRejected(f"The dialog has no such button; it has: {known}")
        name = chosen[button.lower()]
        return await self._entry.actions.execute(
            attrs.evolve(command, name=name, args=(), kwargs={}, gcode=None)
        )


def _argument(command: Command, name: str) -> Any:
    return command.kwargs.get(name)
