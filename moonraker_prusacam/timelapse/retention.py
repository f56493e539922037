# Which videos have been there long enough.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes old videos by age, number and total size, as far as the user has asked for.

Only videos of ours are touched, those with a sidecar, and none that is pinned.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from .sidecar import is_pinned, read_sidecar, sidecar_path

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.config import TimelapseConfig

log = logging.getLogger(__name__)

DAY_S = 86400.0


@attrs.frozen
class KeptVideo:
    """A finished video of ours."""

    path: Path
    size_bytes: int
    modified: float


def expired(
    folder: Path, config: TimelapseConfig, now: float, newest: str | None = None
) -> list[Path]:
    """The videos that should go, the oldest first; raises OSError.

    ``newest`` was made just now, whatever the clock says about it.
    """
    videos = sorted(
        _removable(folder),
        key=lambda video: (video.path.name == newest, video.modified),
    )
    total_bytes = sum(video.size_bytes for video in videos)
    gone = []
    for position, video in enumerate(videos):
        left = len(videos) - position
        if not (
            (config.keep_days and now - video.modified > config.keep_days * DAY_S)
            or (config.keep_videos and left > config.keep_videos)
            or (config.keep_mb and total_bytes > config.keep_mb << 20)
        ):
            break
        total_bytes -= video.size_bytes
        gone.append(video.path)
    return gone


def remove_expired(
    folder: Path, config: TimelapseConfig, now: float, newest: str | None = None
) -> list[Path]:
    """Remove them, with preview, frames and sidecar; raises OSError."""
    gone = expired(folder, config, now, newest)
    for video in gone:
        # In this order a kill leaves nothing that is not found again.
        for path in (
            video.with_suffix(".jpg"),
            video.with_suffix(".zip"),
            video,
            sidecar_path(video),
        ):
            path.unlink(missing_ok=True)
        log.info("Timelapse: %s is removed, as configured", video.name)
    for sidecar in folder.glob(".*.json"):
        video = sidecar.with_name(f"{sidecar.stem.removeprefix('.')}.mp4")
        if not video.exists() and "job" in read_sidecar(video):
            sidecar.unlink(missing_ok=True)
    return gone


def _removable(folder: Path) -> list[KeptVideo]:
    videos = []
    for path in folder.glob("*.mp4"):
        if read_sidecar(path) and not is_pinned(path):
            known = path.stat()
            videos.append(KeptVideo(path, known.st_size, known.st_mtime))
    return videos
