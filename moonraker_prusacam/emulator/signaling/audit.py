# What the log of the local signalling service tells of a client.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that a good camera or viewer has to stand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from . import rules
from .event_log import CONNECT, UPGRADE, Direction
from .session import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .event_log import EventRecord

TOO_EARLY = tuple(
    rule.name
    for rule in (
        rules.PROTOCOL_STRANGER,
        rules.CAMERA_STRANGER,
        rules.VIEWER_STRANGER,
    )
)
ROLES = {"camera_authentication": Role.CAMERA, "client_authentication": Role.VIEWER}
UNASKED = (rules.PROTOCOL_UNASKED.name, rules.UNASKED.name)


class Audit:
    """The connections of one role, and those that never got so far."""

    def __init__(self, records: Iterable[EventRecord], role: Role) -> None:
        records = list(records)
        others = {
            record.connection
            for record in records
            if record.role not in (None, role)
            or ROLES.get(record.event, role) is not role
        }
        self.records = [
            record
            for record in records
            if record.connection not in others and record.direction is Direction.IN
        ]

    @property
    def connections(self) -> int:
        """How many came as far as the namespace."""
        return sum(record.event == CONNECT for record in self.records)

    @property
    def attempt_gaps_s(self) -> list[float]:
        """The times from each knock at the door to the next one."""
        knocks = [record.at_s for record in self.records if record.event == UPGRADE]
        return [after - before for before, after in pairwise(knocks)]

    @property
    def too_early(self) -> list[EventRecord]:
        """The events that came before an acknowledged authentication."""
        return [record for record in self.records if record.verdict in TOO_EARLY]

    @property
    def unasked(self) -> list[EventRecord]:
        """The events that nobody had asked for."""
        return [record for record in self.records if record.verdict in UNASKED]

    @property
    def unauthenticated(self) -> list[int]:
        """The connections that did not begin with an authentication."""
        first: dict[int, str] = {}
        for record in self.records:
            if record.event not in (UPGRADE, CONNECT):
                first.setdefault(record.connection, record.event)
        return [number for number, event in first.items() if event not in ROLES]

    @property
    def leaks(self) -> list[tuple[str, ...]]:
        """The places of secrets where one does not belong."""
        return [record.leaks for record in self.records if record.leaks]

    @property
    def verdicts(self) -> Counter[str]:
        """How often each rule was met."""
        return Counter(record.verdict for record in self.records if record.verdict)

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "connections": self.connections,
            "attempt_gaps_s": self.attempt_gaps_s,
            "too_early": len(self.too_early),
            "unasked": len(self.unasked),
            "unauthenticated": self.unauthenticated,
            "leaks": self.leaks,
            "verdicts": dict(self.verdicts),
        }
