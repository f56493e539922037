# The timelapse of one print, as a Prusa camera makes it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job: where its video stands, on disk, so that a restart goes on.

The frames are on the camera's memory card and never come here. What is here is the
phase, and in time the video. Each phase can be entered again: what was asked of the
camera and not noted, because a kill came between the two, is asked again.
"""

from __future__ import annotations

import enum
import re
import time
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.boot import boot_id
from moonraker_prusacam.errors import TimelapseError
from moonraker_prusacam.naming import safe_stem
from moonraker_prusacam.records import RecordFolder, load_folders, new_identity

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from moonraker_prusacam.print_job import PrintState

PART = "video.part"
MAX_STEM = 40  # with the date, half of what a FAT file system takes
UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


class Phase(enum.StrEnum):
    """What is to come; the last four are ends, of which a person may begin again."""

    RECORDING = "recording"
    RENDERING = "rendering"
    DOWNLOADING = "downloading"
    DONE = "done"
    FAILED = "failed"
    MISSED = "missed"  # the camera was away for the whole print
    DISCARDED = "discarded"


NEXT = {
    Phase.RECORDING: {Phase.RENDERING, Phase.MISSED, Phase.DISCARDED},
    Phase.RENDERING: {Phase.DOWNLOADING, Phase.FAILED},
    Phase.DOWNLOADING: {Phase.DONE, Phase.FAILED},
    Phase.DONE: {Phase.DOWNLOADING},
    Phase.FAILED: {Phase.RENDERING, Phase.DOWNLOADING},
    Phase.MISSED: {Phase.RENDERING, Phase.DOWNLOADING},
    Phase.DISCARDED: {Phase.RENDERING},
}
OVER = frozenset({Phase.DONE, Phase.FAILED, Phase.MISSED, Phase.DISCARDED})


@attrs.define(kw_only=True)
class JobRecord:
    """What ``job.json`` holds; times are unix seconds but ``print_started_s``."""

    schema: int = 1
    id: str
    phase: Phase = Phase.RECORDING
    created: float
    boot_id: str
    filename: str = ""
    print_started_s: float | None = None  # monotonic, of that boot
    outcome: str | None = None
    total_layers: int | None = None
    slicer: dict[str, Any] = attrs.field(factory=dict)
    job_name: str = ""  # what the camera was told; empty before
    is_prepared: bool = False
    late_s: float = 0.0  # of the print, before the camera was prepared
    is_asking: bool = False  # for the video, or a kill came before that
    is_asked: bool = False  # for the video
    before: str | None = None  # state of the camera's video when it was asked
    has_begun: bool = False  # the camera said so, after it was asked
    waited_s: float = 0.0  # in this phase, while an engine ran
    only_once: str = ""  # why the download is tried once, not until the limit
    over: float | None = None
    finished: float | None = None
    video: str | None = None
    video_bytes: int | None = None
    reason: str = ""
    advice: str = ""
    warning: str = ""


class Job(RecordFolder[JobRecord]):
    """The directory of one job."""

    record_class = JobRecord
    error = TimelapseError

    def __init__(self, path: Path, record: JobRecord, now_s: float) -> None:
        super().__init__(path, record)
        self._since_s = now_s  # when this run met the phase, or noted its wait

    @classmethod
    def create(cls, jobs_path: Path, now_s: float, **known: Any) -> Job:
        """Make a new directory; raises TimelapseError.

        ``now_s`` is of a clock that never jumps, here as everywhere.
        """
        identity = new_identity()
        record = JobRecord(id=identity, created=time.time(), boot_id=boot_id(), **known)
        job = cls(jobs_path / identity, record, now_s)
        job.make()
        return job

    @classmethod
    def load(cls, path: Path, now_s: float) -> Job:
        """Read a directory; raises TimelapseError when it is none of ours."""
        return cls(path, cls.read(path), now_s)

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        return self.record.phase

    @property
    def part(self) -> Path:
        """Where the video is while it comes."""
        return self.path / PART

    def move(
        self, phase: Phase, now_s: float, *, reason: str = "", advice: str = ""
    ) -> None:
        """Enter ``phase``, without saving it; raises TimelapseError."""
        record = self.record
        if phase not in NEXT[record.phase]:
            raise TimelapseError(f"job {record.id} is {record.phase}")
        record.phase = phase
        record.reason, record.advice = reason, advice
        record.waited_s, self._since_s = 0.0, now_s
        record.finished = time.time() if phase in OVER else None
        if phase is Phase.RENDERING:
            record.is_asking = record.is_asked = record.has_begun = False
            record.before, record.only_once = None, ""

    def waited_s(self, now_s: float) -> float:
        """Seconds in this phase, in which an engine ran."""
        return self.record.waited_s + max(0.0, now_s - self._since_s)

    def note_wait(self, now_s: float) -> None:
        """Keep what was waited, so that a restart does not begin anew."""
        self.record.waited_s, self._since_s = self.waited_s(now_s), now_s

    def asked(self, now_s: float) -> None:
        """The camera was asked for the video; from now on it may take its time."""
        self.record.is_asked = True
        self.record.waited_s, self._since_s = 0.0, now_s

    def note_print(self, state: PrintState, started_s: float) -> bool:
        """Take over what is known of the print; whether that is more than before."""
        record = self.record
        before = attrs.asdict(record)
        record.filename = record.filename or state.filename
        if record.print_started_s is None:
            record.print_started_s = started_s
        record.slicer = state.file or record.slicer
        layers = state.total_layers or record.slicer.get("layer_count")
        if isinstance(layers, int) and layers > 0:
            record.total_layers = layers
        return attrs.asdict(record) != before

    def clear(self) -> None:
        """Unlink everything but the record; what the disk keeps does no harm."""
        with suppress(OSError):
            super().clear()


def load_jobs(jobs_path: Path, now_s: float) -> tuple[list[Job], list[str]]:
    """All jobs, the oldest first, and what is wrong with others; raises OSError."""
    jobs, odd = load_folders(jobs_path, Job, lambda path: Job.load(path, now_s))
    for job in jobs:
        if job.phase in OVER:
            job.clear()
    return jobs, odd


def job_name(filename: str, created: float, taken: Collection[str]) -> str:
    """What the camera is to call the video of a print: ``<stem>_<date>_<time>``.

    Only letters, digits, ``_``, ``.`` and ``-`` of ASCII: it becomes a file's name on a
    memory card, and a part of an address. It is none of ``taken``.
    """
    plain = unicodedata.normalize("NFKD", safe_stem(filename))
    ascii_only = plain.encode("ascii", "ignore").decode()
    stem = UNSAFE.sub("_", ascii_only)[:MAX_STEM].strip("._-") or "print"
    name = base = time.strftime(f"{stem}_%Y%m%d_%H%M%S", time.localtime(created))
    number = 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name
