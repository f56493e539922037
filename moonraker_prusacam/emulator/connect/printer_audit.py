# What the log of the local Prusa Connect tells of a printer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that a good printer has to stand, over HTTP or over a WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .audit import backoff_s, gaps_s, max_in_flight

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .printer import LocalPrinter
    from .request_log import RequestRecord

TELEMETRY = "/p/telemetry"
EVENTS = "/p/events"
REGISTER = "/p/register"


class PrinterAudit:
    """The requests of one printer, among ``records`` in any order."""

    def __init__(self, records: Iterable[RequestRecord], printer: LocalPrinter) -> None:
        in_order = sorted(records, key=lambda record: record.started_s)
        self.requests = [each for each in in_order if each.printer == printer.uuid]
        self.telemetry = [r for r in self.requests if r.path == TELEMETRY]
        self.events = [r for r in self.requests if r.path == EVENTS]
        # A code is nobody's before it is confirmed: these are of all printers.
        self._asked = [r for r in in_order if r.path == REGISTER and r.method == "GET"]
        self._printer = printer

    @property
    def telemetry_gaps_s(self) -> list[float]:
        """From each telemetry's start to the next one's."""
        return gaps_s(self.telemetry)

    @property
    def max_telemetry_in_flight(self) -> int:
        """How many were under way at once, at most."""
        return max_in_flight(self.telemetry)

    @property
    def max_in_flight(self) -> int:
        """The same of telemetry and events together."""
        return max_in_flight([*self.telemetry, *self.events])

    @property
    def max_per_second(self) -> int:
        """The most telemetry that began within any second."""
        most = first = 0
        for count, record in enumerate(self.telemetry, 1):
            while record.started_s - self.telemetry[first].started_s >= 1.0:
                first += 1
            most = max(most, count - first)
        return most

    @property
    def register_gaps_s(self) -> list[float]:
        """The same of the questions whether the user has agreed."""
        return gaps_s(self._asked)

    @property
    def backoff_s(self) -> list[list[float]]:
        """For each run of failed telemetry and events, the waits after each one.

        Over a WebSocket nothing fails so: there are only new connections.
        """
        told = [r for r in self.requests if r.path in (TELEMETRY, EVENTS)]
        return backoff_s([record for record in told if record.method != "WS"])

    @property
    def connection_gaps_s(self) -> list[float]:
        """Between one attempt at a WebSocket and the next."""
        return gaps_s([record for record in self.requests if record.path == "/p/ws"])

    @property
    def violations(self) -> list[str]:
        """What was wrong in the lives of its commands."""
        return list(self._printer.commands.violations)

    @property
    def unanswered(self) -> list[str]:
        """The commands that were sent and have not ended."""
        return [
            f"{command.id} {command.name}: {command.state}"
            for command in self._printer.commands.all
            if command.sent_s and command.outcome is None and not command.spoilt
        ]

    @property
    def refused(self) -> list[str]:
        """The verdicts on what was refused by the rules, whatever the fault."""
        good = {"telemetry", "event", "command", "camera made", "file", "socket"}
        return [
            record.verdict
            for record in self.requests
            if record.verdict not in good and record.fault is None
        ]

    @property
    def notes(self) -> list[str]:
        """What was taken and should not have been sent."""
        return [note for record in self.requests for note in record.notes]

    @property
    def leaks(self) -> list[tuple[str, ...]]:
        """The places of secrets in requests that had one where it does not belong."""
        return [record.leaks for record in self.requests if record.leaks]

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        gaps = self.telemetry_gaps_s
        return {
            "min_telemetry_gap_s": min(gaps, default=None),
            "max_telemetry_gap_s": max(gaps, default=None),
            "max_telemetry_in_flight": self.max_telemetry_in_flight,
            "max_in_flight": self.max_in_flight,
            "max_per_second": self.max_per_second,
            "backoff_s": self.backoff_s,
            "connection_gaps_s": self.connection_gaps_s,
            "violations": self.violations,
            "unanswered": self.unanswered,
            "refused": self.refused,
            "notes": self.notes,
            "leaks": self.leaks,
        }
