# A transport that keeps what it is given.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for Prusa Connect where only time and order matter."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moonraker_prusacam.connect.printer.link import CommandHandler
    from moonraker_prusacam.connect.printer.messages import Event
    from tests.support.clock import VirtualClock

MAX_SENT = 4000


@attrs.frozen
class Sent:
    """What was sent at ``now_s`` of the virtual clock; ``at_s`` is an event's time."""

    now_s: float
    number: int  # in the order of sending
    kind: str  # of an event, else telemetry
    body: dict[str, Any]
    at_s: float = 0.0


class RecordingLink:
    """``fail`` gives errors in their turn.

    The newest of what was sent is kept; thousands of telemetry may pass in virtual time
    while a disk is busy, so events are kept apart.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.on_command: CommandHandler = lambda _: None
        self.on_open: Callable[[], None] = lambda: None
        self._events: deque[Sent] = deque(maxlen=MAX_SENT)
        self._telemetry: deque[Sent] = deque(maxlen=MAX_SENT)
        self.count = 0
        self.errors: dict[str, deque[Exception]] = {}
        self.after: Callable[[Sent], None] = lambda _: None
        self.is_open = False
        self._clock = clock

    def fail(self, kind: str, *errors: Exception) -> None:
        """Raise these for the next of that kind; "" is anything."""
        self.errors.setdefault(kind, deque()).extend(errors)

    def events(self) -> list[str]:
        """The kinds of the events."""
        return [one.kind for one in self._events]

    def telemetry(self) -> list[Sent]:
        """What was sent of telemetry."""
        return list(self._telemetry)

    @property
    def sent(self) -> list[Sent]:
        """All in the order of sending."""
        both = [*self._events, *self._telemetry]
        return sorted(both, key=lambda one: one.number)

    async def start(self) -> None:
        """See Link."""
        self.is_open = True

    async def open(self) -> None:
        """See Link."""

    async def aclose(self) -> None:
        """See Link."""
        self.is_open = False

    async def send_telemetry(self, told: Mapping[str, Any]) -> None:
        """See Link."""
        await asyncio.sleep(0)  # as any network would, let others have their turn
        self._take(Sent(self._clock.now_s, self.count, "telemetry", dict(told)))

    async def send_event(self, event: Event, at_s: float) -> None:
        """See Link."""
        await asyncio.sleep(0)
        kind, told = str(event.kind), event.as_json()
        sent = Sent(self._clock.now_s, self.count, kind, told, at_s)
        self._take(sent)

    def _take(self, sent: Sent) -> None:
        self.count += 1
        for kind in (sent.kind, ""):
            if self.errors.get(kind):
                raise self.errors[kind].popleft()
        kept = self._telemetry if sent.kind == "telemetry" else self._events
        kept.append(sent)
        self.after(sent)
