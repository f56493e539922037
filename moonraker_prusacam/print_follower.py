# Which print is recorded elsewhere.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From signals to beginnings and ends of recordings.

Signals of one print come in any order, twice or not at all: macros may be ahead of
``started``, an engine that starts again learns of a print by ``sync``. A recording
begins with the first signal that a print runs, and one that fits it never begins
another. The rules are those of the timelapse that is recorded here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from .boot import boot_id
from .print_job import PrintEventKind
from .signals import BEGINNINGS, fits, outcome_of, unseen_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .print_job import PrintEvent, PrintState
    from .signals import PrintRecord, StartOptions


@attrs.frozen
class Begin:
    """A print has begun; the file may not be known yet."""

    filename: str = ""
    started_s: float | None = None


@attrs.frozen
class Learn:
    """More is known of the print that is recorded."""

    state: PrintState
    started_s: float


@attrs.frozen
class End:
    """The print is over; or a person wants the video now, whatever it is worth."""

    outcome: str
    is_asked: bool = False


@attrs.frozen
class Drop:
    """The print is not to be recorded."""


Step: TypeAlias = Begin | Learn | End | Drop


@attrs.define
class _Print:
    """What identifies the print that is recorded."""

    filename: str
    print_started_s: float | None
    boot_id: str
    opened_ns: int


class PrintFollower:
    """Tells what the signals mean; ``is_eager``: every print is to be recorded."""

    def __init__(self, *, is_eager: bool) -> None:
        self._is_eager = is_eager
        self._print: _Print | None = None
        self._seen: PrintState | None = None
        self._options: StartOptions | None = None
        # The print that runs is not recorded (any more), because someone said so.
        self._is_ignored = False
        self._last: PrintRecord | None = None

    def resume(self, recorded: PrintRecord | None, last: PrintRecord | None) -> None:
        """Go on as an earlier run: what it recorded, and what it was done with."""
        self._last = last
        if recorded is not None:
            self._print = _Print(
                recorded.filename, recorded.print_started_s, recorded.boot_id, 0
            )

    def event(self, event: PrintEvent) -> Iterator[Step]:
        """What an event of the printer means; to be read to its end."""
        state = event.print
        if event.kind in BEGINNINGS and state and state.is_active:
            yield from self._runs(event, state)
        elif (outcome := outcome_of(event)) is not None:
            yield from self._is_over(outcome, event)
        if self._print and state and state.is_active:
            self._seen = state

    def start(self, options: StartOptions) -> Iterator[Step]:
        """A macro or a person wants this print, or the next one, to be recorded."""
        self._options = options
        yield from self._asked(options)

    def render(self) -> Iterator[Step]:
        """A macro or a person wants the video of what was recorded until now."""
        if self._print is not None:
            self._is_ignored = True
            yield from self._end("complete", is_asked=True)

    def _asked(self, options: StartOptions) -> Iterator[Step]:
        self._is_ignored = not options.enable
        if self._is_ignored and self._print is not None:
            self._print = None
            yield Drop()
        elif not self._is_ignored and self._print is None:
            yield self._begin("", None, options.asked_ns)

    def _runs(self, event: PrintEvent, state: PrintState) -> Iterator[Step]:
        if self._is_ignored:
            return
        started_s = event.monotonic_ns / 1e9 - state.total_duration_s
        if self._print and not fits(self._print, state, started_s):
            yield from self._end(unseen_end(self._seen))
        if self._print is None and event.kind is PrintEventKind.SYNC:
            # Its video was asked for before it was over, maybe by an engine before.
            last = self._last
            if last is not None and last.print_started_s is not None:
                self._is_ignored = fits(last, state, started_s)
            if self._is_ignored:
                return
        if self._print is None and self._is_eager:
            yield self._begin(state.filename, started_s, event.monotonic_ns)
        if self._print is not None:
            known = self._print
            if known.print_started_s is None:
                known.print_started_s = started_s
            known.filename = known.filename or state.filename
            yield Learn(state, known.print_started_s)

    def _is_over(self, outcome: str, event: PrintEvent) -> Iterator[Step]:
        """End what is recorded, unless ``event`` tells of the print before.

        A print that runs already when its file is told to be selected was selected
        when it began.
        """
        self._is_ignored = False
        is_over = event.kind is not PrintEventKind.SELECTED
        over_ns = event.monotonic_ns
        if not is_over and event.print and event.print.is_active:
            over_ns -= int(event.print.total_duration_s * 1e9)
        if self._print and self._print.opened_ns <= over_ns:
            yield from self._end(outcome if is_over else unseen_end(self._seen))
        if self._options and self._options.asked_ns > over_ns:
            yield from self._asked(self._options)

    def _begin(self, filename: str, started_s: float | None, now_ns: int) -> Begin:
        self._print = _Print(filename, started_s, boot_id(), now_ns)
        self._seen = None
        return Begin(filename, started_s)

    def _end(self, outcome: str, *, is_asked: bool = False) -> Iterator[Step]:
        # One that ended otherwise and runs yet has only lost its Klipper for a while.
        self._last, self._print = self._print if is_asked else None, None
        yield End(outcome, is_asked)
