# What the log of the local Prusa Connect tells of a client.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that a good client of Prusa Connect has to stand."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .request_log import sha1_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .request_log import RequestRecord

HOUR_S = 3600.0
SNAPSHOT = "/c/snapshot"


class Audit:
    """The snapshots of one camera, among ``records`` in any order."""

    def __init__(self, records: Iterable[RequestRecord], camera_id: int) -> None:
        own = [record for record in records if record.camera_id == camera_id]
        own.sort(key=lambda record: record.started_s)
        self.requests = own
        self.snapshots = [r for r in own if r.path.partition("?")[0] == SNAPSHOT]

    @property
    def min_gap_s(self) -> float | None:
        """The shortest time from one request's start to the next one's."""
        return min(gaps_s(self.snapshots), default=None)

    @property
    def max_in_flight(self) -> int:
        """How many snapshots were under way at once, at most."""
        return max_in_flight(self.snapshots)

    @property
    def leaks(self) -> list[tuple[str, ...]]:
        """The places of secrets in requests that had one where it does not belong."""
        return [record.leaks for record in self.requests if record.leaks]

    @property
    def max_bytes_per_hour(self) -> int:
        """The most bytes of pictures that came within any hour."""
        most = total = first = 0
        for record in self.snapshots:
            total += record.size_bytes
            while record.started_s - self.snapshots[first].started_s >= HOUR_S:
                total -= self.snapshots[first].size_bytes
                first += 1
            most = max(most, total)
        return most

    @property
    def backoff_s(self) -> list[list[float]]:
        """For each run of failures, how long the client waited after each one."""
        return backoff_s(self.snapshots)

    def stale_snapshots(
        self, pictures: Sequence[tuple[bytes, float]], tolerance_s: float = 0.0
    ) -> list[RequestRecord]:
        """The requests whose picture was not the newest when they began.

        ``pictures`` are those that the client had, oldest first, each with the moment
        (CLOCK_MONOTONIC) when it was there; what came within ``tolerance_s`` before a
        request may be missed. A picture that is none of them counts as stale. Requests
        whose body did not come are left out.
        """
        known = [(sha1_of(picture), there_s) for picture, there_s in pictures]
        stale = []
        for record in self.snapshots:
            may_miss_s = record.started_s - tolerance_s
            newest = [sha1 for sha1, there_s in known if there_s <= may_miss_s][-1:]
            later = [sha1 for sha1, there_s in known if there_s > may_miss_s]
            if record.sha1 is not None and record.sha1 not in newest + later:
                stale.append(record)
        return stale

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "min_request_gap_s": self.min_gap_s,
            "max_in_flight": self.max_in_flight,
            "max_bytes_per_hour": self.max_bytes_per_hour,
            "backoff_s": self.backoff_s,
            "leaks": self.leaks,
        }


def gaps_s(records: Sequence[RequestRecord]) -> list[float]:
    """From each request's start to the next one's."""
    starts = [record.started_s for record in records]
    return [after - before for before, after in pairwise(starts)]


def max_in_flight(records: Iterable[RequestRecord]) -> int:
    """How many of the requests were under way at once, at most."""
    changes = []
    for record in records:
        changes += [(record.started_s, 1), (record.ended_s, -1)]
    open_now = most = 0
    for _, change in sorted(changes):
        open_now += change
        most = max(most, open_now)
    return most


def backoff_s(records: Sequence[RequestRecord]) -> list[list[float]]:
    """For each run of failures, how long the client waited after each one."""
    runs: list[list[float]] = []
    failed_before = False
    for record, after in pairwise(records):
        if not _failed(record):
            failed_before = False
            continue
        if not failed_before:
            runs.append([])
        runs[-1].append(after.started_s - record.ended_s)
        failed_before = True
    return runs


def _failed(record: RequestRecord) -> bool:
    return not 200 <= record.status < 300
