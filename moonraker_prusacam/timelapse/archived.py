# Frames out of the archive beside a video.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a job of a finished video whose frames were saved.

Anybody who may upload files can put an archive there: of its entries only those are
taken that are named as frames are, and no more of them than there is room for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.disk import MIN_FREE_BYTES
from moonraker_prusacam.durable import sync_directory, sync_file
from moonraker_prusacam.errors import FramesNotFound, TimelapseError
from moonraker_prusacam.sidecar import read_sidecar

from .job import FRAME, Job, JobState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .library import Video
    from .remake import Remake

MAX_FRAMES = 1_000_000
MAX_FRAME_BYTES = 64 << 20
PIECE_BYTES = 256 << 10


def open_job(jobs_path: Path, video: Video, remake: Remake) -> Job:
    """A job to be rendered, whose frames are still in the archive.

    Raises TimelapseError.
    """
    check_archive(video)
    content = read_sidecar(video.path)
    job, track, frames = (_table(content, name) for name in ("job", "track", "frames"))
    made = Job.create(
        jobs_path,
        camera=str(track.get("camera", "")),
        trigger=str(track.get("trigger", "auto")),
        track=str(track.get("name", "")),
        style=str(track.get("style", "plain")),
    )
    record = made.record
    record.filename, record.outcome = video.filename, video.outcome
    record.frames = video.shown or 0
    start = job.get("start")
    if isinstance(start, int | float) and 0 <= start < 1e11:
        record.created = float(start)
    for name in ("gaps", "chosen"):
        if isinstance(value := frames.get(name), int):
            setattr(record, name, value)
    if isinstance(layers := job.get("layers"), int) and layers > 0:
        record.total_layers = layers
    record.remake = remake
    record.state = JobState.RENDERING
    try:
        made.save()
    except OSError as error:
        made.remove()
        raise TimelapseError(f"{made.path}: {error.strerror}") from error
    return made


def check_archive(video: Video) -> None:
    """Whether all frames of ``video`` are in its archive; raises TimelapseError."""
    name = video.archive.name
    if not video.has_archive:
        raise FramesNotFound(
            f"the frames of {video.name} are gone: there is no {name} beside it, "
            "as 'save_frames: True' has it made"
        )
    with _opened(video.archive) as archive:
        frames = _frames(archive)
    gaps = _table(read_sidecar(video.path), "frames").get("gaps")
    needed = (video.shown or 1) - (gaps if isinstance(gaps, int) else 0)
    if len(frames) < max(1, needed):
        raise FramesNotFound(
            f"{name} holds {len(frames)} of the {needed} frames of {video.name}"
        )


def unpack(job: Job, archive: Path) -> None:
    """Put the frames into the folder of ``job``, durably; raises TimelapseError."""
    name = archive.name
    with _opened(archive) as opened:
        frames = _frames(opened)
        needed = sum(frame.file_size for frame in frames) + MIN_FREE_BYTES
        lacking = needed - shutil.disk_usage(job.path).free
        if lacking > 0:
            raise TimelapseError(
                f"{lacking >> 20} MB too little are free for the frames of {name}"
            )
        for frame in frames:
            with (
                opened.open(frame) as source,
                (job.path / frame.filename).open("wb") as file,
            ):
                shutil.copyfileobj(source, file, PIECE_BYTES)
            _set_date(job.path / frame.filename, frame.date_time)
    for frame in frames:
        sync_file(job.path / frame.filename)
    sync_directory(job.path)
    numbers = [FRAME.fullmatch(frame.filename) for frame in frames]
    job.record.last_number = max(int(match[1]) for match in numbers if match)


def _set_date(path: Path, date: tuple[int, ...]) -> None:
    """Give a frame the date at which it was taken, for captions."""
    with contextlib.suppress(ValueError, OverflowError):  # month 13, year 2107
        taken_s = time.mktime(time.struct_time((*date, 0, 0, -1)))
        os.utime(path, (taken_s, taken_s))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError:
        raise FramesNotFound(f"there is no {path.name} any more") from None
    except OSError as error:
        raise TimelapseError(f"{path.name}: {error.strerror}") from error
    # The latter ones: a password, an unknown method, an end in the middle.
    except (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        NotImplementedError,
        EOFError,
        ValueError,
    ) as error:
        raise TimelapseError(
            f"{path.name} is damaged, or no archive of ours"
        ) from error


def _frames(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MAX_FRAMES:
        raise TimelapseError("the archive holds too many files")
    frames = [entry for entry in entries if FRAME.fullmatch(entry.filename)]
    if any(entry.file_size > MAX_FRAME_BYTES for entry in frames):
        raise TimelapseError("the archive holds a frame that is too large")
    if len({entry.filename for entry in frames}) < len(frames):
        raise TimelapseError("the archive holds two frames of one name")
    return frames


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}
