# One recorded print, on disk.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job directory: ``job.json``, frames and segments of one track of a print.

A frame is on disk, whole and under its name, before it counts: written to a temporary
name, synced, renamed, and the folder synced. So a power cut leaves every counted frame
and no half one. Of frames, segments are made the same way, and only then are the frames
unlinked: where both are there, the segment holds. The names carry numbers and layers,
which makes the folder the truth about what was recorded; ``job.json`` holds the rest.
"""

from __future__ import annotations

import enum
import re
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.boot import boot_id
from moonraker_prusacam.disk import has_room, require_room
from moonraker_prusacam.durable import write_file
from moonraker_prusacam.errors import TimelapseError
from moonraker_prusacam.records import (
    IDENTITY,
    REMOVED,
    RecordFolder,
    new_identity,
)

from .look import Look  # noqa: TC001 - cattrs resolves it
from .remake import Remake  # noqa: TC001 - cattrs resolves it

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.print_job import PrintState

NEWEST = "newest.jpg"
FRAME = re.compile(r"frame-(\d{6})(?:-layer-(\d+))?\.jpg")
INSET = re.compile(r"inset-(\d{6})\.jpg")
SEGMENT = re.compile(r"segment-(\d{6})-(\d{6})-frames-(\d+)\.mp4")


class JobState(enum.StrEnum):
    """What remains to be done; each state can be entered again after a crash."""

    RECORDING = "recording"
    UNRENDERED = "unrendered"
    RENDERING = "rendering"
    DONE = "done"
    FAILED = "failed"


@attrs.define(kw_only=True)
class JobRecord:
    """What ``job.json`` holds. Times are unix seconds."""

    schema: int = 1
    id: str
    state: JobState
    filename: str
    title: str = ""  # what the video is called after, if not the file
    camera: str
    trigger: str
    track: str = ""
    style: str = "plain"
    print_id: str = ""
    created: float
    boot_id: str
    print_started_s: float | None
    outcome: str | None = None
    gaps: int = 0
    frames: int = 0
    chosen: int = 0  # frames that motion data found a better one for
    last_number: int = 0  # of the frame that was stored or missed last
    last_layer: int | None = None
    has_macro: bool = False  # which has the say, whatever print_stats tells
    opened_s: float = 0.0  # on the clock of this boot
    size: tuple[int, int] | None = None
    look: Look | None = None  # of the first segment, and so of all
    codec: str | None = None  # like look
    must_remake: bool = False  # segments of another codec are among them
    total_layers: int | None = None
    slicer: dict[str, Any] = attrs.field(factory=dict)
    last_frame: float | None = None
    last_frame_s: float | None = None  # like opened_s
    video: str | None = None
    video_bytes: int | None = None
    finished: float | None = None
    finished_s: float | None = None  # like opened_s; None in another boot
    error: str | None = None
    remake: Remake | None = None

    @property
    def name(self) -> str:
        """What the video is called after."""
        return self.title or self.filename


@attrs.frozen
class StoredFrame:
    """One frame on disk; ``layer`` is None where nobody told."""

    path: Path
    number: int
    layer: int | None

    @property
    def inset(self) -> Path:
        """Where the picture of a second camera is, if there is one."""
        return self.path.with_name(f"inset-{self.number:06d}.jpg")


@attrs.frozen
class StoredSegment:
    """The frames ``first`` to ``last`` as ``frames`` pictures of a video."""

    path: Path
    first: int
    last: int
    frames: int


@attrs.frozen
class Contents:
    """What a job directory holds: segments, and the frames behind the last of them."""

    segments: tuple[StoredSegment, ...]
    frames: tuple[StoredFrame, ...]
    covered: tuple[Path, ...]

    @property
    def sealed_until(self) -> int:
        """The number of the last frame in a segment."""
        return self.segments[-1].last if self.segments else 0

    @property
    def without_frames(self) -> tuple[StoredSegment, ...]:
        """Segments whose frames were not kept, as it was chosen when they were made."""
        kept = [_number_of(path) for path in self.covered]
        return tuple(
            segment
            for segment in self.segments
            if not any(segment.first <= number <= segment.last for number in kept)
        )

    @property
    def last_number(self) -> int:
        """The number of the last frame there is."""
        return self.frames[-1].number if self.frames else self.sealed_until

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return sum(segment.frames for segment in self.segments) + len(self.frames)


def _number_of(path: Path) -> int:
    match = FRAME.fullmatch(path.name)
    return int(match[1]) if match else 0


class Job(RecordFolder[JobRecord]):
    """A job directory that is being written, or was."""

    record_class = JobRecord
    error = TimelapseError

    def __init__(self, path: Path, record: JobRecord) -> None:
        super().__init__(path, record)
        self._newest_number = 0

    @classmethod
    def create(
        cls,
        jobs_path: Path,
        *,
        camera: str,
        trigger: str,
        track: str = "",
        style: str = "plain",
        print_id: str = "",
    ) -> Job:
        """Make a new job directory; raises TimelapseError."""
        identity = new_identity()
        record = JobRecord(
            id=identity,
            state=JobState.RECORDING,
            filename="",
            camera=camera,
            trigger=trigger,
            track=track,
            style=style,
            print_id=print_id,
            created=time.time(),
            opened_s=time.monotonic(),
            boot_id=boot_id(),
            print_started_s=None,
        )
        job = cls(jobs_path / identity, record)
        job.make()
        return job

    @classmethod
    def load(cls, path: Path) -> Job:
        """Read a job directory; raises TimelapseError when it is not one of ours."""
        return cls(path, cls.read(path))

    def note_print(self, state: PrintState) -> None:
        """Take over what is known of the print, without saving it."""
        record = self.record
        record.slicer = state.file or record.slicer
        layers = state.total_layers or record.slicer.get("layer_count")
        if isinstance(layers, int) and layers > 0:
            record.total_layers = layers

    def contents(self) -> Contents:
        """What is on disk, in its order; raises OSError."""
        frames, segments = [], []
        for path in self.path.iterdir():
            if match := FRAME.fullmatch(path.name):
                layer = None if match[2] is None else int(match[2])
                frames.append(StoredFrame(path, int(match[1]), layer))
            elif match := SEGMENT.fullmatch(path.name):
                segments.append(StoredSegment(path, *map(int, match.groups())))
        frames.sort(key=lambda frame: frame.number)
        segments.sort(key=lambda segment: segment.first)
        until = segments[-1].last if segments else 0
        return Contents(
            segments=tuple(segments),
            frames=tuple(frame for frame in frames if frame.number > until),
            covered=tuple(frame.path for frame in frames if frame.number <= until),
        )

    def segment_path(self, first: int, last: int, frames: int) -> Path:
        """Where the segment of the frames ``first`` to ``last`` belongs."""
        return self.path / f"segment-{first:06d}-{last:06d}-frames-{frames}.mp4"

    def add_frame(
        self, data: bytes | memoryview, number: int, layer: int | None
    ) -> None:
        """Store one JPEG durably; raises TimelapseError when there is no room.

        A frame of the same number and layer is replaced.
        """
        suffix = "" if layer is None else f"-layer-{layer}"
        try:
            require_room(self.path)
            path = self.path / f"frame-{number:06d}{suffix}.jpg"
            write_file(path, data)
        except OSError as error:
            raise TimelapseError(f"{self.path}: {error.strerror}") from error
        if number >= self._newest_number:  # a better one may come for one before
            self._newest_number = number
            self.note_newest(path)

    def add_inset(self, data: bytes | memoryview, number: int) -> None:
        """Store the picture of a second camera, before its frame; raises OSError."""
        if has_room(self.path):
            write_file(self.path / f"inset-{number:06d}.jpg", data)

    def discard_insets(self, until: int) -> None:
        """Unlink those of frames up to number ``until``; raises OSError."""
        for path in self.path.glob("inset-*.jpg"):
            match = INSET.fullmatch(path.name)
            if match and int(match[1]) <= until:
                path.unlink(missing_ok=True)

    @property
    def newest(self) -> Path:
        """A second name of the last frame, if it is still known."""
        return self.path / NEWEST

    def note_newest(self, path: Path) -> None:
        """Give the frame at ``path`` its second name."""
        temporary = self.path / f".{NEWEST}"
        with suppress(OSError):  # some file systems have no hard links
            temporary.unlink(missing_ok=True)
            temporary.hardlink_to(path)
            temporary.replace(self.newest)
            # It stays where both are names of the same frame already.
            temporary.unlink(missing_ok=True)


def remove_stillborn(path: Path) -> bool:
    """Remove a directory that never got its record, or whose removal was cut short.

    False where there is more.
    """
    if path.name.startswith(REMOVED):
        shutil.rmtree(path, ignore_errors=True)
        return True
    if not IDENTITY.fullmatch(path.name) or (path / Job.record_name).exists():
        return False
    try:
        for temporary in path.glob(f".{Job.record_name}.*"):
            temporary.unlink()
        path.rmdir()
    except OSError:
        return False
    return True
