# Tests of the videos in Moonraker's history.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of the engine's jobs, and what becomes of an entry's other fields."""

from __future__ import annotations

from typing import Any

import pytest

from moonraker_prusacam.component.job_history import Video, with_video

JOB = {"state": "done", "video": "a.mp4", "filename": "sub/a.gcode", "created": 1000}
THEIRS = {"provider": "sensor", "name": "energy", "value": 3.2, "units": "kWh"}


def ours(*videos: str) -> dict[str, Any]:
    return {
        "provider": "prusacam",
        "name": "timelapse",
        "value": list(videos),
        "description": "Timelapse",
        "units": None,
    }


def test_video_when_job_is_done_then_is_read() -> None:
    assert Video.parse(JOB) == Video("a.mp4", "sub/a.gcode", 1000.0)


@pytest.mark.parametrize(
    "job",
    [
        None,
        [],
        {},
        {**JOB, "state": "failed"},
        {**JOB, "video": None},
        {**JOB, "video": 7},
        {**JOB, "filename": ""},
        {**JOB, "filename": ["a"]},
        {**JOB, "created": "1000"},
        {**JOB, "created": True},
        {**JOB, "created": None},
    ],
)
def test_video_when_job_is_odd_or_has_none_then_nothing(job: object) -> None:
    assert Video.parse(job) is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ([], [ours("a.mp4")]),
        (None, [ours("a.mp4")]),
        ([THEIRS], [THEIRS, ours("a.mp4")]),
        ([ours(), THEIRS], [THEIRS, ours("a.mp4")]),
        ([ours("b.mp4")], [ours("b.mp4", "a.mp4")]),
        ([{**ours(), "value": None}], [ours("a.mp4")]),
        ([ours("a.mp4"), THEIRS], None),
    ],
)
def test_entry_when_a_video_is_added_then_other_fields_stay(
    entry: object, expected: object
) -> None:
    assert with_video(entry, "a.mp4") == expected
