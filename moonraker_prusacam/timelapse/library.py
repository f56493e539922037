# The finished videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of videos, of which only those with a sidecar of ours are touched.

A video is its MP4 and what goes with it: preview, archive of frames, sidecar. Names
come from other programs and are names in that folder, nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import logging
import math
import stat
from pathlib import Path, PurePosixPath
from typing import Any

import attrs

from moonraker_prusacam.durable import sync_directory
from moonraker_prusacam.errors import (
    TimelapseError,
    TimelapseOptionError,
    VideoNotFound,
)
from moonraker_prusacam.sidecar import read_sidecar, save_sidecar, sidecar_path

from .wall_clock import Moment

log = logging.getLogger(__name__)

SUFFIX = ".mp4"
MAX_NAME_BYTES = 255
MAX_SHOWN_CHARACTERS = 80


@attrs.frozen(kw_only=True)
class Video:
    """A finished video of ours; ``size_bytes`` counts what goes with it.

    ``made`` is the moment by which its age is told. What the sidecar does not tell, or
    not in a way that makes sense, is None.
    """

    path: Path
    size_bytes: int
    made: Moment
    is_pinned: bool
    has_archive: bool
    job_id: str
    filename: str
    outcome: str | None
    frames: int | None
    shown: int | None
    fps: float | None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.name

    @property
    def archive(self) -> Path:
        """Where its frames are, if they were saved."""
        return self.path.with_suffix(".zip")

    @property
    def is_complete(self) -> bool:
        """Whether the print was completed."""
        return self.outcome in (None, "complete")

    def age_s(self, now: Moment) -> float | None:
        """How old it is; None where the date cannot be believed.

        A leap of the date makes no video older that was made since the host booted.
        """
        if self.is_of_this_boot(now):
            return max(0.0, now.uptime_s - self.made.uptime_s)
        return now.time_s - self.made.time_s if now.is_trusted else None

    def is_of_this_boot(self, now: Moment) -> bool:
        """Whether it was made since the host booted."""
        return bool(now.boot_id) and self.made.boot_id == now.boot_id


def summary(video: Video) -> dict[str, Any]:
    """A video as the control socket shows it."""
    is_timed = video.frames is not None and video.fps
    return {
        "video": video.name,
        "filename": video.filename,
        "outcome": video.outcome,
        "made": video.made.time_s,
        "size_bytes": video.size_bytes,
        "frames": video.frames,
        "fps": video.fps,
        "duration_s": (
            round((video.frames or 0) / (video.fps or 1.0), 3) if is_timed else None
        ),
        "pinned": video.is_pinned,
        "has_frames": video.has_archive,
        "job": video.job_id,
    }


class Library:
    """The videos of ``folder``, changed by one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Held for as long as a file is moved or a sidecar is read and written.
        self.turn = asyncio.Lock()

    async def videos(self) -> list[Video]:
        """All videos of ours, by their names; raises TimelapseError."""
        try:
            return await asyncio.to_thread(read_videos, self.folder)
        except OSError as error:
            raise TimelapseError(f"{self.folder}: {error.strerror}") from error

    async def find(self, name: str) -> Video:
        """The video ``name``; raises TimelapseError for a bad or unknown name."""
        return await asyncio.to_thread(find_video, self.folder, name)

    async def pin(self, name: str, *, pinned: bool) -> Video:
        """Keep a video whatever the limits say, or no longer; raises TimelapseError."""
        async with self.turn:
            video = await self.find(name)
            try:
                await asyncio.to_thread(_pin, video, pinned)
            except OSError as error:
                raise TimelapseError(f"{name}: {error.strerror}") from error
        return attrs.evolve(video, is_pinned=pinned)

    async def remove(self, name: str) -> Video:
        """Remove a video with what goes with it; raises TimelapseError."""
        async with self.turn:
            video = await self.find(name)
            if video.is_pinned:
                raise TimelapseError(f"{name} is pinned; unpin it first")
            try:
                await asyncio.to_thread(remove_video, video)
            except OSError as error:
                raise TimelapseError(f"{name}: {error.strerror}") from error
        log.info("Timelapse: %s is removed, as asked for", name)
        return video


def read_videos(folder: Path) -> list[Video]:
    """All videos of ours in ``folder``, by their names; raises OSError."""
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    found = (_read(path) for path in paths if path.suffix == SUFFIX)
    return [video for video in found if video is not None]


def find_video(folder: Path, name: str) -> Video:
    """The video ``name``; raises TimelapseOptionError and VideoNotFound."""
    if not _is_name(name):
        shown = ascii(name)[:MAX_SHOWN_CHARACTERS]
        raise TimelapseOptionError(f"{shown} is not the name of a video")
    if (video := _read(folder / name)) is not None:
        return video
    if (folder / name).suffix == SUFFIX and (folder / name).exists():
        raise VideoNotFound(f"{name} is no video of prusacam: it has no sidecar")
    try:
        names = [video.name for video in read_videos(folder)]
    except OSError:
        names = []
    near = [f"{name}{SUFFIX}"] if f"{name}{SUFFIX}" in names else []
    near += difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise VideoNotFound(f"there is no video {name}{hint}")


def remove_video(video: Video) -> None:
    """Remove all that goes with ``video``; raises OSError.

    The sidecar goes last: after a kill the rest is still a video of ours.
    """
    for path in companions(video.path):
        path.unlink(missing_ok=True)
    sync_directory(video.path.parent)


def remove_orphans(folder: Path) -> None:
    """Remove sidecars of ours without a video: a kill came between the two.

    To be called while nothing renders, which puts the sidecar there first.
    """
    with contextlib.suppress(OSError):
        for sidecar in folder.glob(".*.json"):
            video = sidecar.with_name(f"{sidecar.stem.removeprefix('.')}{SUFFIX}")
            if not video.exists() and read_sidecar(video):
                sidecar.unlink(missing_ok=True)


def companions(path: Path) -> tuple[Path, ...]:
    """The files of the video ``path``, in the order in which they are removed."""
    return (
        path.with_suffix(".zip"),
        path.with_suffix(".jpg"),
        path,
        sidecar_path(path),
    )


def _is_name(name: str) -> bool:
    """Whether that names a file in a folder, and one that is shown."""
    try:
        size_bytes = len(name.encode())
    except UnicodeEncodeError:
        return False
    is_plain = name == PurePosixPath(name).name and not name.startswith(".")
    return 0 < size_bytes <= MAX_NAME_BYTES and name.isprintable() and is_plain


def _pin(video: Video, pinned: bool) -> None:
    content = read_sidecar(video.path)
    if content:
        save_sidecar(video.path, content | {"pinned": pinned})


def _read(path: Path) -> Video | None:
    try:
        known = path.lstat()
        if path.suffix != SUFFIX or not stat.S_ISREG(known.st_mode):
            return None
        sizes = {
            companion: companion.lstat().st_size
            for companion in companions(path)
            if companion.exists()
        }
    except OSError:
        return None  # it went meanwhile, or was never there
    content = read_sidecar(path)
    if not content:
        return None
    made, job = _table(content, "made"), _table(content, "job")
    frames, video = _table(content, "frames"), _table(content, "video")
    time_s, uptime_s = _number(made, "time"), _number(made, "uptime_s")
    boot_id = made.get("boot_id")
    is_known = isinstance(boot_id, str) and uptime_s is not None
    return Video(
        path=path,
        size_bytes=sum(sizes.values()),
        made=Moment(
            known.st_mtime if time_s is None else time_s,
            uptime_s or 0.0,
            str(boot_id) if is_known else "",
        ),
        # Whatever somebody wrote there but a plain no keeps the video.
        is_pinned=content.get("pinned", False) is not False,
        has_archive=path.with_suffix(".zip") in sizes,
        job_id=str(job["id"]),
        filename=_text(job, "file") or "",
        outcome=_text(job, "outcome"),
        frames=_count(video, "frames"),
        shown=_count(frames, "shown"),
        fps=_number(video, "fps"),
    )


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _text(table: dict[str, Any], name: str) -> str | None:
    value = table.get(name)
    return value if isinstance(value, str) else None


def _number(table: dict[str, Any], name: str) -> float | None:
    value = table.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 and math.isfinite(value) else None


def _count(table: dict[str, Any], name: str) -> int | None:
    value = table.get(name)
    return value if type(value) is int and 0 <= value < 1 << 31 else None
