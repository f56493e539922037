# The timelapse of the virtual Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which state a camera's timelapse is in, and what is on its card.

::

    IDLE ── enabled, with a job ──> RECORDING ── make video ──> IN_PROGRESS
                                                                 │      │
    a new job begins at IDLE again <── DONE <── it is encoded ───┘      │
                                     FAILED <── no frames, no card,  ───┘
                                                the encoder failed

RECORDING is a matter of the camera alone: to others it is IDLE. The states are the
first description's; their transitions are a guess, as is every number of an error.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.connect.signaling.messages import FileState, VideoState

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FRAMES = 2000
MAX_FILES = 200
# What Prusa Connect sends as the job's name while nothing is printed (seen).
NO_JOB = "unknown_timelapse"
PAGE_BYTES = 1024  # of a list of files (firmware)
MAX_NAME_BYTES = 200


class Phase(enum.StrEnum):
    """What the camera is at."""

    IDLE = "idle"
    RECORDING = "recording"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    FAILED = "failed"


class Trouble(enum.IntEnum):
    """Why there is no video; all numbers are guesses."""

    NO_FRAMES = 1
    NO_STORAGE = 2
    ENCODER = 3
    BUSY = 5


VIDEO_STATES = {
    Phase.IDLE: VideoState.IDLE,
    Phase.RECORDING: VideoState.IDLE,
    Phase.IN_PROGRESS: VideoState.IN_PROGRESS,
    Phase.DONE: VideoState.DONE,
    Phase.FAILED: VideoState.FAILED,
}


@attrs.define
class CardFile:
    """A video on the card, or what is to become one."""

    state: FileState
    video: bytes = attrs.field(default=b"", repr=False)


class Timelapse:
    """The state machine, its frames, and the card."""

    def __init__(self) -> None:
        self.has_storage = True
        self.enabled = False
        self.job_name = ""
        self.frames: list[bytes] = []
        self.files: dict[str, CardFile] = {}
        self.trouble: Trouble | None = None
        self._outcome: Phase | None = None  # from IN_PROGRESS on

    @property
    def phase(self) -> Phase:
        """What the camera is at."""
        if self._outcome is not None:
            return self._outcome
        ready = self.enabled and self.has_storage and self.has_job
        return Phase.RECORDING if ready else Phase.IDLE

    @property
    def has_job(self) -> bool:
        """Whether there is a name that frames could be taken for."""
        return self.job_name not in ("", NO_JOB)

    @property
    def video_state(self) -> VideoState:
        """The state as others are told."""
        return VIDEO_STATES[self.phase]

    def enable(self, enabled: bool) -> Trouble | None:
        """Switch it on or off; why it does not go on, None if it does."""
        if enabled and not self.has_storage:
            return Trouble.NO_STORAGE
        self.enabled = enabled
        return None

    def begin_job(self, name: str) -> None:
        """A job has got its name.

        The same one twice is the same job, unless it has had its video. The name of a
        job whose video is being made stays until that is over.
        """
        if self.phase is Phase.IN_PROGRESS:
            return
        if name != self.job_name or self._outcome is not None:
            self.frames, self._outcome, self.trouble = [], None, None
        self.job_name = name

    def add_frame(self, jpeg: bytes) -> None:
        """Keep a frame, while it is recorded and there is room."""
        if self.phase is Phase.RECORDING and len(self.frames) < MAX_FRAMES:
            self.frames.append(jpeg)

    def begin_video(self) -> Trouble | None:
        """Begin to make the video; why it fails at once, None if it does not."""
        if self.phase is Phase.IN_PROGRESS:
            return Trouble.BUSY
        if not self.has_storage:
            return self.fail(Trouble.NO_STORAGE)
        if not self.frames:
            return self.fail(Trouble.NO_FRAMES)
        self._outcome, self.trouble = Phase.IN_PROGRESS, None
        self._keep(CardFile(FileState.IN_PROGRESS))
        return None

    def finish(self, video: bytes) -> None:
        """The video is there."""
        self._outcome = Phase.DONE
        self._keep(CardFile(FileState.DONE, video))

    def fail(self, trouble: Trouble) -> Trouble:
        """There will be no video."""
        self._outcome, self.trouble = Phase.FAILED, trouble
        if self.has_storage and self.has_job:
            self._keep(CardFile(FileState.ERROR))
        return trouble

    def pages(self) -> list[str]:
        """The list of files, of at most ``PAGE_BYTES`` a page; none without files."""
        pages: list[list[str]] = []
        room = 0
        for row in self._rows():
            size = len(row.encode())
            if size > room:
                pages.append([])
                room = PAGE_BYTES - len("99;99\n")
            pages[-1].append(row)
            room -= size
        return [
            f"{number};{len(pages)}\n{''.join(rows)}"
            for number, rows in enumerate(pages, 1)
        ]

    def _rows(self) -> Iterator[str]:
        for name, file in self.files.items():
            short = name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
            yield f"{short.replace(chr(10), ' ')};{file.state}\n"

    def _keep(self, file: CardFile) -> None:
        self.files.pop(self.job_name, None)
        self.files[self.job_name] = file
        if len(self.files) > MAX_FILES:
            del self.files[next(iter(self.files))]
