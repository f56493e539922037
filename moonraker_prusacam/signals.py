# What the printer's and the macros' signals mean for a timelapse.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads signals: which begin a print, which end it, and which print they are about."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from .boot import boot_id
from .errors import TimelapseOptionError
from .print_job import PrintEvent, PrintEventKind, PrintState

if TYPE_CHECKING:
    from collections.abc import Mapping

# print_stats' durations lag by up to 250 ms, and a loaded host adds to it.
SAME_PRINT_S = 10.0
TRIGGERS = ("auto", "macro", "layer")
ENDED = ("complete", "cancelled", "error")
OUTCOMES = {
    PrintEventKind.COMPLETE: "complete",
    PrintEventKind.CANCELLED: "cancelled",
    PrintEventKind.ERROR: "error",
    PrintEventKind.SHUTDOWN: "error",
    PrintEventKind.STANDBY: "interrupted",
    PrintEventKind.SELECTED: "interrupted",
    PrintEventKind.DISCONNECTED: "interrupted",
}
BEGINNINGS = (
    PrintEventKind.STARTED,
    PrintEventKind.RESUMED,
    PrintEventKind.LAYER,
    PrintEventKind.SYNC,
)


@attrs.frozen
class StartOptions:
    """What the start macro asked for, and when (monotonic)."""

    enable: bool
    trigger: str
    asked_ns: int


def outcome_of(event: PrintEvent) -> str | None:
    """How the print ended that ``event`` tells of; None where it tells of no end."""
    if event.kind in OUTCOMES:
        return OUTCOMES[event.kind]
    if event.kind not in (PrintEventKind.SYNC, PrintEventKind.FINISHED):
        return None
    if event.print is None or event.print.is_active:
        return None  # Klipper is not ready, so nothing is known
    return event.print.state if event.print.state in ENDED else "interrupted"


def unseen_end(seen: PrintState | None) -> str:
    """How a print ended of whose end nobody told, before the next one began.

    ``seen`` is the last that was known of it: Klipper's state comes every 250 ms. What
    was in its last layer is complete.
    """
    if seen is None or seen.layer is None or seen.total_layers is None:
        return "interrupted"
    return "complete" if seen.layer >= seen.total_layers > 0 else "interrupted"


def parse_options(options: Mapping[str, Any], trigger: str) -> StartOptions:
    """The start macro's parameters, asked now; raises TimelapseOptionError."""
    chosen = {str(key).lower(): str(value).lower() for key, value in options.items()}
    # What is configured may be "interval", which no macro can ask for.
    if (asked := chosen.pop("trigger", "")) and asked not in TRIGGERS:
        raise TimelapseOptionError(f"TRIGGER is not one of: {', '.join(TRIGGERS)}")
    enable = chosen.pop("enable", "1")
    if enable not in ("0", "1", "false", "true"):
        raise TimelapseOptionError("ENABLE is neither 0 nor 1")
    if chosen:
        raise TimelapseOptionError(f"unknown options: {', '.join(sorted(chosen))}")
    return StartOptions(enable in ("1", "true"), asked or trigger, time.monotonic_ns())


class PrintRecord(Protocol):
    """What a job knows of its print."""

    @property
    def filename(self) -> str:
        """Which file is printed, empty if that is not known (yet)."""

    @property
    def boot_id(self) -> str:
        """The boot of the host whose clock the other times are of."""

    @property
    def print_started_s(self) -> float | None:
        """When the print began, monotonic."""


def fits(record: PrintRecord, state: PrintState, started_s: float) -> bool:
    """Whether ``state`` is that of the print of ``record``."""
    if record.filename and state.filename and record.filename != state.filename:
        return False
    if record.boot_id != boot_id():
        return False
    # Macros are only called by the print that runs, however long it has done so.
    return (
        record.print_started_s is None
        or abs(record.print_started_s - started_s) < SAME_PRINT_S
    )
