# What happens to the printer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes events of the differences between two looks at the printer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .info import STORAGE, job_data
from .messages import Event, EventKind, Source, State
from .states import StateKeeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from .states import Standing
    from .view import PrinterView

STARTED = (State.PRINTING, State.PAUSED, State.ATTENTION)


class Watcher:
    """Looks; ``tell`` takes events, ``introduce`` wants INFO to be sent again."""

    def __init__(
        self,
        now_s: float,
        tell: Callable[[Event], None],
        introduce: Callable[[], None],
    ) -> None:
        self.states = StateKeeper(now_s)
        self._tell = tell
        self._introduce = introduce
        self._told: Standing | None = None
        self._told_job: int | None = None
        self._is_there: bool | None = None
        self._facts: tuple[object, ...] | None = None

    def look(self, view: PrinterView, now_s: float, source: Source) -> None:
        """See what is different; ``source`` is what is taken for the cause."""
        standing = self.states.update(view, now_s)
        if self._told is None or _says(standing) != _says(self._told):
            self._tell(_state_changed(standing, source))
        self._told = standing
        self._see_medium(view)
        job = view.job
        if standing.state in STARTED and standing.job_id is not None and job:
            if standing.job_id != self._told_job:
                self._tell(
                    Event(
                        kind=EventKind.JOB_INFO,
                        source=source,
                        data=job_data(job),
                        job_id=job.id,
                    )
                )
            self._told_job = standing.job_id
        facts = (view.klipper_version, view.hostname, view.nozzle_diameter_mm)
        if self._facts is not None and facts != self._facts and any(facts):
            self._introduce()
        self._facts = facts

    def _see_medium(self, view: PrinterView) -> None:
        """Files come by Moonraker: without it there are none.

        That it is not there yet at the first look is no news.
        """
        is_there = view.klippy != "absent"
        if is_there and self._is_there is not True:
            self._introduce()
        if self._is_there is not None and is_there != self._is_there:
            kind = EventKind.MEDIUM_INSERTED if is_there else EventKind.MEDIUM_EJECTED
            self._tell(Event(kind=kind, source=Source.HW, data={"root": STORAGE}))
        if is_there or self._is_there is not None:
            self._is_there = is_there


def _says(standing: Standing) -> tuple[object, ...]:
    return standing.state, standing.reason, standing.dialog_id


def _state_changed(standing: Standing, source: Source) -> Event:
    data = {}
    if standing.dialog is not None:
        data = {
            "title": standing.dialog.title,
            "text": standing.reason,
            "buttons": list(standing.dialog.buttons),
        }
    return Event(
        kind=EventKind.STATE_CHANGED,
        source=source,
        state=standing.state,
        data=data,
        reason=standing.reason or None,
        dialog_id=standing.dialog_id,
    )
