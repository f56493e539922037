# Tests of what the local Prusa Connect tells of a client.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each question of an audit, asked of a log whose answer is known."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator.connect import Audit, RequestRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

PICTURES = [f"picture {number}".encode() for number in range(4)]


def record(started_s: float, **changes: Any) -> RequestRecord:
    picture: bytes | None = changes.pop("picture", PICTURES[0])
    values: dict[str, Any] = {
        "started_s": started_s,
        "ended_s": started_s + 1.0,
        "method": "PUT",
        "path": "/c/snapshot",
        "version": "1.1",
        "headers": {},
        "camera": "Ab***",
        "camera_id": 1,
        "printer": None,
        "status": 204,
        "verdict": "accepted",
        "evidence": None,
        "fault": None,
        "too_soon": False,
        "size_bytes": len(picture or b""),
        "sha1": hashlib.sha1(picture).hexdigest() if picture else None,
        "whole_jpeg": True,
        "content": None,
        "leaks": (),
    }
    return RequestRecord(**(values | changes))


def test_audit_when_nothing_was_asked_then_nothing_is_wrong() -> None:
    audit = Audit([], 1)
    assert audit.as_json() == {
        "min_request_gap_s": None,
        "max_in_flight": 0,
        "max_bytes_per_hour": 0,
        "backoff_s": [],
        "leaks": [],
    }
    assert audit.stale_snapshots([]) == []


def test_audit_when_others_ask_as_well_then_only_one_camera_counts() -> None:
    records = [
        record(0.0),
        record(1.0, camera_id=2, leaks=("path",)),
        record(2.0, camera_id=None),
        record(3.0, path="/c/info"),
        record(20.0, path="/c/snapshot?printer_uuid=x"),
    ]
    audit = Audit(records, 1)
    assert [r.started_s for r in audit.snapshots] == [0.0, 20.0]
    assert audit.leaks == []


def test_min_gap_when_records_are_out_of_order_then_by_start() -> None:
    assert Audit([record(30.0), record(0.0), record(11.0)], 1).min_gap_s == 11.0


@pytest.mark.parametrize(
    ("spans", "most"),
    [
        ([(0, 1), (1, 2), (2, 3)], 1),
        ([(0, 5), (1, 2), (3, 4)], 2),
        ([(0, 5), (1, 4), (2, 3), (6, 7)], 3),
    ],
)
def test_max_in_flight_when_spans_overlap_then_counted(
    spans: Sequence[tuple[float, float]], most: int
) -> None:
    records = [record(start, ended_s=end) for start, end in spans]
    assert Audit(records, 1).max_in_flight == most


def test_bytes_per_hour_when_an_hour_slides_then_its_worst_place() -> None:
    sizes = [(0, 10), (1800, 10), (3599, 10), (3601, 100), (7300, 10)]
    records = [record(float(at), size_bytes=size) for at, size in sizes]
    assert Audit(records, 1).max_bytes_per_hour == 120


def test_backoff_when_failures_come_in_runs_then_each_run_has_its_waits() -> None:
    starts = [(0, 204), (10, 503), (21, 0), (42, 401), (83, 204), (93, 500), (104, 204)]
    records = [record(float(at), status=status) for at, status in starts]
    assert Audit(records, 1).backoff_s == [[10.0, 20.0, 40.0], [10.0]]


def test_stale_snapshots_when_an_older_picture_is_sent_then_found() -> None:
    there = [(picture, float(at)) for at, picture in enumerate(PICTURES)]
    good = [
        record(0.5, picture=PICTURES[0]),
        record(1.5, picture=PICTURES[1]),
        record(2.9, picture=PICTURES[3]),  # was there when the request was under way
        record(3.5, picture=None),  # its body never came
    ]
    old = record(3.6, picture=PICTURES[2])
    strange = record(3.7, picture=b"somebody else's")
    audit = Audit([*good, old, strange], 1)
    assert audit.stale_snapshots(there) == [old, strange]
    assert audit.stale_snapshots(there, tolerance_s=0.7) == [strange]
