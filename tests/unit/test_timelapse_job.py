# Job directories.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on disk is whole, and the folder tells what was recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from moonraker_prusacam.disk import MIN_FREE_BYTES
from moonraker_prusacam.errors import TimelapseError
from moonraker_prusacam.timelapse.job import Job, JobState

if TYPE_CHECKING:
    from pathlib import Path


class DiskUsage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job.create(tmp_path / "jobs", camera="front", trigger="auto")


def test_create_then_load_gives_the_same_record(job: Job) -> None:
    job.record.filename = 'quote" and \n 🚀.gcode'
    job.save()
    assert Job.load(job.path).record == job.record
    assert job.record.state is JobState.RECORDING


def test_create_when_folder_cannot_be_made_then_error_names_it(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file")
    with pytest.raises(TimelapseError, match="jobs"):
        Job.create(tmp_path / "jobs", camera="front", trigger="auto")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"schema": "x"}',
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"id": 1, "state": "nonsense"}',
    ],
)
def test_load_when_record_is_damaged_then_error_names_the_file(
    job: Job, content: bytes
) -> None:
    (job.path / "job.json").write_bytes(content)
    with pytest.raises(TimelapseError, match=r"job\.json is damaged"):
        Job.load(job.path)


def test_load_when_record_is_of_a_newer_version_then_it_is_left_alone(
    job: Job,
) -> None:
    fields: dict[str, Any] = json.loads((job.path / "job.json").read_text())
    (job.path / "job.json").write_text(json.dumps({**fields, "schema": 99}))
    with pytest.raises(TimelapseError, match="newer version"):
        Job.load(job.path)


def test_load_when_there_is_no_record_then_error(tmp_path: Path) -> None:
    with pytest.raises(TimelapseError, match="No such file"):
        Job.load(tmp_path)


def test_stored_frames_when_other_files_are_there_then_only_frames_in_order(
    job: Job,
) -> None:
    job.add_frame(b"10", 10, None)
    job.add_frame(b"2", 2, 7)
    job.add_frame(b"1", 1, 7)
    (job.path / ".frame-000003.jpg.tmp").write_bytes(b"half")
    (job.path / "frame-4.jpg").write_bytes(b"not ours")
    frames = job.contents().frames
    assert [(frame.number, frame.layer) for frame in frames] == [
        (1, 7),
        (2, 7),
        (10, None),
    ]


def test_add_frame_when_number_and_layer_are_the_same_then_it_is_replaced(
    job: Job,
) -> None:
    job.add_frame(b"old", 1, 3)
    job.add_frame(b"new", 1, 3)
    (frame,) = job.contents().frames
    assert frame.path.read_bytes() == b"new"


def test_add_frame_when_disk_is_nearly_full_then_refused_and_nothing_is_left(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(job.path.iterdir())
    free = MIN_FREE_BYTES - 1
    monkeypatch.setattr("shutil.disk_usage", lambda _path: DiskUsage(free, 0, free))
    with pytest.raises(TimelapseError, match="MiB are free"):
        job.add_frame(b"x", 1, 1)
    assert sorted(job.path.iterdir()) == before


def test_add_frame_when_write_fails_then_no_half_frame_is_left(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(job.path.iterdir())

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("moonraker_prusacam.durable.os.fsync", fail)
    with pytest.raises(TimelapseError, match="No space left"):
        job.add_frame(b"x" * 100, 1, 1)
    assert sorted(job.path.iterdir()) == before
