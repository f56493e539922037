# What a printer and Prusa Connect say to each other.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain objects for states, events and commands, whatever carries them.

Source of the names: Prusa's printer SDK 0.8.1, constants of its public interface.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(enum.StrEnum):
    """How a printer is; READY is the user's word that the next print may begin."""

    IDLE = "IDLE"
    BUSY = "BUSY"
    PRINTING = "PRINTING"
    PAUSED = "PAUSED"
    FINISHED = "FINISHED"
    STOPPED = "STOPPED"
    ERROR = "ERROR"
    ATTENTION = "ATTENTION"
    READY = "READY"


class Source(enum.StrEnum):
    """Who is the cause of an event."""

    CONNECT = "CONNECT"
    GUI = "GUI"
    WUI = "WUI"
    SERIAL = "SERIAL"
    GCODE = "GCODE"
    MARLIN = "MARLIN"
    FIRMWARE = "FIRMWARE"
    HW = "HW"
    USER = "USER"
    SLOT = "SLOT"


class EventKind(enum.StrEnum):
    """What is told beside telemetry."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    FINISHED = "FINISHED"
    INFO = "INFO"
    STATE_CHANGED = "STATE_CHANGED"
    MEDIUM_EJECTED = "MEDIUM_EJECTED"
    MEDIUM_INSERTED = "MEDIUM_INSERTED"
    FILE_CHANGED = "FILE_CHANGED"
    FILE_INFO = "FILE_INFO"
    JOB_INFO = "JOB_INFO"
    TRANSFER_INFO = "TRANSFER_INFO"
    MESH_BED_DATA = "MESH_BED_DATA"
    TRANSFER_ABORTED = "TRANSFER_ABORTED"
    TRANSFER_STOPPED = "TRANSFER_STOPPED"
    TRANSFER_FINISHED = "TRANSFER_FINISHED"
    SLOT_EVENT = "SLOT_EVENT"


@attrs.frozen(kw_only=True)
class Event:
    """One event; None is what it does not say. Of an answer, ``command_id`` is set."""

    kind: EventKind
    source: Source
    data: Mapping[str, Any] = attrs.field(factory=dict)
    state: State | None = None
    command_id: int | None = None
    job_id: int | None = None
    transfer_id: int | None = None
    reason: str | None = None
    dialog_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The body of ``POST /p/events``."""
        told = attrs.asdict(self, recurse=False)
        told = {"event": str(told.pop("kind")), **told}
        return {name: value for name, value in told.items() if value is not None}


@attrs.frozen(kw_only=True)
class Command:
    """What Prusa Connect asks for: by name, or as G-code (then ``name`` is GCODE).

    ``force``: a command that is not to be asked back for. What came is not checked.
    """

    id: int
    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = attrs.field(factory=dict)
    gcode: str | None = None
    force: bool = False


@attrs.frozen(kw_only=True)
class Outcome:
    """How a command ended well: FINISHED, or the event that it asked for."""

    kind: EventKind = EventKind.FINISHED
    source: Source = Source.CONNECT
    data: Mapping[str, Any] = attrs.field(factory=dict)
    job_id: int | None = None
    transfer_id: int | None = None
