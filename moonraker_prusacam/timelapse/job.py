# One recorded print, on disk.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job directory: ``job.json`` and the frames of one print.

A frame is on disk, whole and under its name, before it counts: written to a temporary
name, synced, renamed, and the folder synced. So a power cut leaves every counted frame
and no half one. The names carry number and layer, which makes the folder the truth
about what was recorded; ``job.json`` holds the rest.
"""

from __future__ import annotations

import enum
import functools
import json
import re
import shutil
import time
import uuid
from pathlib import Path

import attrs
import cattrs

from moonraker_prusacam.durable import write_file
from moonraker_prusacam.errors import TimelapseError

SCHEMA = 1
RECORD = "job.json"
IDENTITY = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")
FRAME = re.compile(r"frame-(\d{6})(?:-layer-(\d+))?\.jpg")
MIN_FREE_BYTES = 256 << 20
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class JobState(enum.StrEnum):
    """What remains to be done; each state can be entered again after a crash."""

    RECORDING = "recording"
    RENDERING = "rendering"
    DONE = "done"
    FAILED = "failed"


@attrs.define(kw_only=True)
class JobRecord:
    """What ``job.json`` holds. Times are unix seconds."""

    schema: int = SCHEMA
    id: str
    state: JobState
    filename: str
    camera: str
    trigger: str
    created: float
    boot_id: str
    print_started_s: float | None
    outcome: str | None = None
    gaps: int = 0
    frames: int = 0
    last_frame: float | None = None
    video: str | None = None
    video_bytes: int | None = None
    finished: float | None = None
    error: str | None = None


@attrs.frozen
class StoredFrame:
    """One frame on disk; ``layer`` is None where nobody told."""

    path: Path
    number: int
    layer: int | None


class Job:
    """A job directory that is being written, or was."""

    def __init__(self, path: Path, record: JobRecord) -> None:
        self.path = path
        self.record = record

    @classmethod
    def create(cls, jobs_path: Path, *, camera: str, trigger: str) -> Job:
        """Make a new job directory; raises TimelapseError."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        identity = f"{stamp}-{uuid.uuid4().hex[:8]}"
        record = JobRecord(
            id=identity,
            state=JobState.RECORDING,
            filename="",
            camera=camera,
            trigger=trigger,
            created=time.time(),
            boot_id=boot_id(),
            print_started_s=None,
        )
        job = cls(jobs_path / identity, record)
        try:
            job.path.mkdir(parents=True)
            job.save()
        except OSError as error:
            job.remove()
            raise TimelapseError(f"{job.path}: {error.strerror}") from error
        return job

    @classmethod
    def load(cls, path: Path) -> Job:
        """Read a job directory; raises TimelapseError when it is not one of ours."""
        try:
            fields = json.loads((path / RECORD).read_bytes())
            record = cattrs.structure(fields, JobRecord)
        except OSError as error:
            raise TimelapseError(f"{path}: {error.strerror}") from error
        except (
            ValueError,
            TypeError,
            RecursionError,
            cattrs.BaseValidationError,
        ) as error:
            raise TimelapseError(f"{path / RECORD} is damaged") from error
        if record.schema > SCHEMA:
            raise TimelapseError(f"{path / RECORD} was written by a newer version")
        return cls(path, record)

    def save(self) -> None:
        """Write ``job.json``, whole or not at all; raises OSError."""
        text = json.dumps(cattrs.unstructure(self.record), indent=1)
        write_file(self.path / RECORD, text.encode())

    def stored_frames(self) -> list[StoredFrame]:
        """The frames on disk, in their order."""
        frames = []
        for path in self.path.iterdir():
            if match := FRAME.fullmatch(path.name):
                layer = None if match[2] is None else int(match[2])
                frames.append(StoredFrame(path, int(match[1]), layer))
        return sorted(frames, key=lambda frame: frame.number)

    def add_frame(
        self, data: bytes | memoryview, number: int, layer: int | None
    ) -> None:
        """Store one JPEG durably; raises TimelapseError when there is no room.

        A frame of the same number and layer is replaced.
        """
        suffix = "" if layer is None else f"-layer-{layer}"
        try:
            if shutil.disk_usage(self.path).free < MIN_FREE_BYTES:
                raise TimelapseError(
                    f"less than {MIN_FREE_BYTES >> 20} MiB are free at {self.path}"
                )
            write_file(self.path / f"frame-{number:06d}{suffix}.jpg", data)
        except OSError as error:
            raise TimelapseError(f"{self.path}: {error.strerror}") from error

    def discard_frames(self) -> None:
        """Unlink everything but the record, once a video holds the frames.

        Besides them, a kill may have left files under their temporary names.
        """
        for path in self.path.iterdir():
            if path.name != RECORD:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the whole directory."""
        shutil.rmtree(self.path, ignore_errors=True)


def remove_stillborn(path: Path) -> bool:
    """Remove a job directory that never got its record; False where there is more."""
    if not IDENTITY.fullmatch(path.name) or (path / RECORD).exists():
        return False
    try:
        for temporary in path.glob(f".{RECORD}.*"):
            temporary.unlink()
        path.rmdir()
    except OSError:
        return False
    return True


@functools.cache
def boot_id() -> str:
    """Changes with every boot; monotonic times of two boots do not compare."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""
