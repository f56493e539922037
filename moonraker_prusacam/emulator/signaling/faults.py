# What can be made to go wrong in the local signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small vocabulary of faults: at the door, of an event, and of what is passed on."""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import optional

from moonraker_prusacam.emulator.connect.plan import (
    BaseFault,
    check,
    integer,
    positive,
    text,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Collection

# Longer than any message that a client should look at.
HUGE_BYTES = 10 << 20


class FaultKind(enum.StrEnum):
    """What goes wrong."""

    # At the door, for the event ``upgrade``.
    REFUSE_UPGRADE = "refuse_upgrade"
    OLD_ENGINE = "old_engine"
    NO_PING = "no_ping"
    SLOW_PING = "slow_ping"
    # When the namespace is asked for, the event ``connect``.
    REFUSE_CONNECT = "refuse_connect"
    OTHER_SID = "other_sid"
    # Of ``connect`` or of an event that somebody sends.
    DISCONNECT = "disconnect"
    DROP = "drop"
    STALL = "stall"
    # Of an event that somebody sends.
    ACK_NEVER = "ack_never"
    ACK_LATE = "ack_late"
    ACK = "ack"
    ERROR = "error"
    # Of an event that is passed on.
    LOSE = "lose"
    LATE = "late"
    TWICE = "twice"
    NO_ATTACHMENT = "no_attachment"
    TWO_ATTACHMENTS = "two_attachments"
    TWO_PAYLOADS = "two_payloads"
    AS_TEXT = "as_text"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    UNKNOWN_FIELDS = "unknown_fields"
    WRONG_WIRE_TYPE = "wrong_wire_type"
    INVALID_UTF8 = "invalid_utf8"
    HUGE = "huge"


DOOR_KINDS = frozenset(
    {
        FaultKind.REFUSE_UPGRADE,
        FaultKind.OLD_ENGINE,
        FaultKind.NO_PING,
        FaultKind.SLOW_PING,
    }
)
CONNECT_KINDS = frozenset(
    {
        FaultKind.REFUSE_CONNECT,
        FaultKind.OTHER_SID,
        FaultKind.DISCONNECT,
        FaultKind.DROP,
        FaultKind.STALL,
    }
)
EVENT_KINDS = (frozenset(FaultKind) - DOOR_KINDS - CONNECT_KINDS) | {
    FaultKind.DISCONNECT,
    FaultKind.DROP,
    FaultKind.STALL,
}
RELAY_KINDS = (
    EVENT_KINDS
    - CONNECT_KINDS
    - {
        FaultKind.ACK_NEVER,
        FaultKind.ACK_LATE,
        FaultKind.ACK,
        FaultKind.ERROR,
    }
)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


@attrs.frozen(kw_only=True)
class Fault(BaseFault):
    """What goes wrong; ValueError or TypeError for nonsense.

    ``event`` is the name of an event, ``upgrade`` or ``connect``; any if empty. ``ack``
    is what is acknowledged instead of the right thing, ``text`` an error's, ``status``
    a refusal's. The rest is the measure of the kinds that need one.
    """

    kind: FaultKind = attrs.field(converter=FaultKind, kw_only=False)
    event: str = attrs.field(default="", validator=text)
    ack: Any = attrs.field(default="0", validator=check(_is_json))
    text: str = attrs.field(default="Error", validator=text)
    status: int = attrs.field(
        default=403, validator=[integer, check(lambda value: 400 <= value <= 599)]
    )
    seconds: float | None = attrs.field(default=None, validator=optional(positive))
    size_bytes: int = attrs.field(default=HUGE_BYTES, validator=whole)

    def is_of(self, kinds: Collection[enum.StrEnum], place: str) -> bool:
        """Whether the fault is one of ``kinds``, and for the event ``place``."""
        return self.kind in kinds and self.event in ("", place)
