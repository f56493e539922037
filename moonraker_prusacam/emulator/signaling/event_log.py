# What happened at the local signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded log of connections and events that a client can be judged by.

Tokens, fingerprints and JWTs are in it only masked; of messages, what they say.
"""

from __future__ import annotations

import enum
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.emulator.connect.request_log import Redaction, mask
from moonraker_prusacam.secret import Secret

from .changes import Changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiohttp import web

    from moonraker_prusacam.connect.signaling.messages import Message
    from moonraker_prusacam.emulator.connect.rule import Evidence, Rule

    from .faults import Fault
    from .session import Member, Role

LOGGED_EVENTS = 2000
UPGRADE, CONNECT, DISCONNECT = "upgrade", "connect", "disconnect"
FINGERPRINT = "fingerprint"


class Direction(enum.StrEnum):
    """Which way an event went, seen from the service."""

    IN = "in"
    OUT = "out"


@attrs.frozen(kw_only=True)
class EventRecord:
    """One event; ``at_s`` is CLOCK_MONOTONIC.

    ``event`` is its name, or ``upgrade``, ``connect``, ``disconnect``. ``connection``
    counts those who came to the door. ``ack`` is what was acknowledged: a number, None
    for a receipt, or whatever a fault made of it; ``acked`` is False where nothing was.
    ``verdict`` names the rule, ``evidence`` how well it is known; ``leaks`` are places
    in which a secret stood that does not belong there.
    """

    at_s: float = attrs.field(factory=time.monotonic)
    connection: int
    direction: Direction
    event: str
    role: Role | None = None
    camera_id: int | None = None
    size_bytes: int = 0
    message: dict[str, Any] | None = None
    acked: bool = False
    ack: Any = None
    verdict: str | None = None
    evidence: Evidence | None = None
    fault: str | None = None
    text: str | None = None
    leaks: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return attrs.asdict(self)


class EventLog:
    """The newest ``LOGGED_EVENTS`` records; ``secrets`` are all that may not show."""

    def __init__(self, secrets: Callable[[], Iterable[str]]) -> None:
        self.changes = Changes()
        self._records: deque[EventRecord] = deque(maxlen=LOGGED_EVENTS)
        self._secrets = secrets

    @property
    def records(self) -> list[EventRecord]:
        """The records, oldest first."""
        return list(self._records)

    def knock(
        self, number: int, request: web.Request, rule: Rule | None, fault: Fault | None
    ) -> None:
        """Somebody came to the door; ``rule`` is why it stays shut."""
        redaction = Redaction(self._secrets())
        self._add(
            EventRecord(
                connection=number,
                direction=Direction.IN,
                event=UPGRADE,
                leaks=redaction.leaks(request.path_qs, request.headers, b""),
                **_reason(rule, fault),
            )
        )

    def note(
        self,
        member: Member,
        direction: Direction,
        event: str,
        *,
        octets: object = b"",
        message: Message | None = None,
        rule: Rule | None = None,
        fault: Fault | None = None,
        **details: Any,
    ) -> None:
        """Something came from ``member`` or went to it; ``details`` are fields."""
        redaction = Redaction(self._secrets())
        camera = member.camera
        facts: dict[str, Any] = {
            "connection": member.number,
            "direction": direction,
            "event": redaction.text(event),
            "role": member.role,
            "camera_id": camera.id if camera is not None else None,
            "size_bytes": len(octets) if isinstance(octets, bytes | str) else 0,
            "message": _shown(message, redaction),
            "leaks": _leaks(message, redaction),
            **_reason(rule, fault),
        }
        self._add(EventRecord(**(facts | details)))

    def _add(self, record: EventRecord) -> None:
        self._records.append(record)
        self.changes.notify()


def _reason(rule: Rule | None, fault: Fault | None) -> dict[str, Any]:
    return {
        "verdict": rule.name if rule is not None else None,
        "evidence": rule.evidence if rule is not None else None,
        "fault": fault.kind.value if fault is not None else None,
    }


def _shown(message: Message | None, redaction: Redaction) -> dict[str, Any] | None:
    """What ``message`` says, as JSON values and without secrets."""
    if message is None:
        return None
    said = attrs.asdict(message, recurse=False)
    del said["raw"]
    return {
        name: _value(name, value, redaction) for name, value in said.items() if value
    }


def _value(name: str, value: Any, redaction: Redaction) -> Any:
    if isinstance(value, Secret):
        return mask(value.reveal())
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, str):
        return mask(value) if name == FINGERPRINT else redaction.text(value)
    return value


def _leaks(message: Message | None, redaction: Redaction) -> tuple[str, ...]:
    """The texts of ``message`` that hold a secret and should not."""
    if message is None:
        return ()
    return tuple(
        name
        for name, value in attrs.asdict(message, recurse=False).items()
        if isinstance(value, str)
        and name != FINGERPRINT
        and redaction.text(value) != value
    )
