# A printer in the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prusa Connect knows of one printer, by what it was told."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import attrs

from .commands import Commands, LocalEvent

if TYPE_CHECKING:
    from .printer_socket import PrinterSocket

MAX_EVENTS = 1000


def _events() -> deque[LocalEvent]:
    return deque(maxlen=MAX_EVENTS)


@attrs.define(eq=False)
class LocalPrinter:
    """A printer as Prusa Connect knows it; ``token`` once the user has agreed.

    ``info`` is the data of the newest INFO, None before the first since the
    registration; ``telemetry`` all that was told since, the newest of each key.
    ``clock_adjusted`` counts the requests that told of a jump of the printer's clock.
    """

    uuid: str
    online: bool = True
    serial_number: str | None = attrs.field(default=None, repr=False)
    printer_type: str | None = None
    fingerprint: str | None = attrs.field(default=None, repr=False)
    token: str | None = attrs.field(default=None, repr=False)
    firmware: str | None = None
    state: str | None = None
    info: dict[str, Any] | None = attrs.field(default=None, repr=False)
    telemetry: dict[str, Any] = attrs.field(factory=dict, repr=False)
    telemetry_count: int = 0
    events: deque[LocalEvent] = attrs.field(factory=_events, repr=False)
    commands: Commands = attrs.field(factory=Commands, repr=False)
    clock_adjusted: int = 0
    socket: PrinterSocket | None = attrs.field(default=None, repr=False)

    def forget(self) -> None:
        """Know nothing of it but who it is, as after a registration."""
        self.state = self.info = None
        self.telemetry = {}

    def take(self, event: LocalEvent) -> None:
        """Keep an event that was found good."""
        self.events.append(event)
        if event.state is not None:
            self.state = event.state
        if event.kind == "INFO":
            self.info = dict(event.data)

    def told(self, kind: str) -> list[LocalEvent]:
        """The events of one kind, oldest first."""
        return [event for event in self.events if event.kind == kind]
