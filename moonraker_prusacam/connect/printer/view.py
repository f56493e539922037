# What is known of the printer at one moment.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The border between what Klipper is asked and what Prusa Connect is told.

``PrinterView`` is Klipper's side, in Klipper's words and units; ``PrinterActions`` is
what can be done with the printer. Whoever tells Prusa Connect knows nothing else of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .messages import Command, Event, Outcome


@attrs.frozen(kw_only=True)
class Job:
    """The print that runs, or the last one; ``path`` is relative to the gcodes root."""

    id: int
    path: str
    state: str  # of print_stats: printing, paused, complete, cancelled, error
    progress: float = 0.0  # 0 to 1
    printing_s: float = 0.0
    remaining_s: float | None = None
    filament_used_mm: float = 0.0
    layer: int | None = None
    total_layers: int | None = None


@attrs.frozen(kw_only=True)
class Transfer:
    """A download into the gcodes root that is under way."""

    id: int
    path: str
    size_bytes: int
    done_bytes: int
    elapsed_s: float
    from_connect: bool


@attrs.frozen(kw_only=True)
class PrinterView:
    """One moment; None is what is not known, or is not there. Degrees C, mm, percent.

    ``klippy`` is Moonraker's: ready, startup, shutdown, error, disconnected; ``absent``
    when Moonraker itself does not answer.
    """

    klippy: str = "absent"
    message: str = ""  # why Klipper or the print stopped, in Klipper's words
    job: Job | None = None
    is_busy: bool = False  # moves or heats without a print: idle_timeout is Printing
    nozzle_c: float | None = None
    target_nozzle_c: float | None = None
    bed_c: float | None = None
    target_bed_c: float | None = None
    chamber_c: float | None = None
    target_chamber_c: float | None = None
    x_mm: float | None = None
    y_mm: float | None = None
    z_mm: float | None = None
    speed_percent: float | None = None
    flow_percent: float | None = None
    fan_percent: float | None = None
    material: str = ""
    filament_runout: bool = False
    transfer: Transfer | None = None
    nozzle_diameter_mm: float | None = None
    klipper_version: str = ""
    moonraker_version: str = ""
    hostname: str = ""


class PrinterActions(Protocol):
    """What can be done with a printer, and what is told of it."""

    on_change: list[Callable[[], None]]  # the view is another
    on_event: list[Callable[[Event], None]]  # files and transfers, unasked

    @property
    def view(self) -> PrinterView:
        """What is known now; asks nobody."""

    async def execute(self, command: Command) -> Outcome:
        """Do it; raises CommandRejected before, CommandFailed after it has begun."""

    async def files(self) -> Mapping[str, Any]:
        """The tree of files and the storages, as INFO has them; raises PrinterError."""
