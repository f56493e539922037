# Klipper's side of a printer, as tests say it is.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ``PrinterActions`` whose view is set, and whose commands end when they are let."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.connect.printer.messages import Outcome
from moonraker_prusacam.connect.printer.view import Job, PrinterView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moonraker_prusacam.connect.printer.messages import Command, Event

READY = PrinterView(
    klippy="ready",
    nozzle_c=21.04,
    target_nozzle_c=0.0,
    bed_c=20.5,
    target_bed_c=0.0,
    x_mm=10.0,
    y_mm=20.0,
    z_mm=5.0,
    speed_percent=100.0,
    flow_percent=100.0,
    klipper_version="v0.13.0-1",
    hostname="mainsailos",
)
FILES = {
    "files": {"type": "FOLDER", "name": "/", "children": []},
    "storages": [{"mountpoint": "/gcodes", "type": "LOCAL", "read_only": False}],
}


def printing(**changes: Any) -> Job:
    """A print that runs."""
    return Job(**{"id": 7, "path": "cube.gcode", "state": "printing", **changes})


class FakeActions:
    """``hold`` keeps commands running until ``release`` or ``fail``."""

    def __init__(self, view: PrinterView = READY) -> None:
        self.on_change: list[Callable[[], None]] = []
        self.on_event: list[Callable[[Event], None]] = []
        self.commands: list[Command] = []
        self.listings = 0
        self.listing_error: Exception | None = None
        self.outcome: Outcome | Exception = Outcome()
        self.cancelled = 0
        self.begun = asyncio.Event()
        self._view = view
        self._free = asyncio.Event()
        self._free.set()

    @property
    def view(self) -> PrinterView:
        """See PrinterActions."""
        return self._view

    def become(self, **changes: Any) -> None:
        """Another view, and word of it."""
        self._view = attrs.evolve(self._view, **changes)
        for changed in list(self.on_change):
            changed()

    def tell(self, event: Event) -> None:
        """An event unasked."""
        for take in list(self.on_event):
            take(event)

    def hold(self) -> None:
        """Let commands run until ``release``."""
        self._free.clear()

    def release(self) -> None:
        """Let them end."""
        self._free.set()

    async def execute(self, command: Command) -> Outcome:
        """See PrinterActions."""
        self.commands.append(command)
        self.begun.set()
        try:
            if command.name != "RESET_PRINTER":
                await self._free.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def files(self) -> Mapping[str, Any]:
        """See PrinterActions."""
        self.listings += 1
        if self.listing_error is not None:
            raise self.listing_error
        return FILES
