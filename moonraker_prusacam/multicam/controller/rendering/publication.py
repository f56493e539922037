# The video of all angles among the others.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves the video with its sidecar and its picture to where the UIs look."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam import publishing
from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.multicam.controller.delivery import TRACK, UNTITLED, told_job
from moonraker_prusacam.naming import unused, video_name
from moonraker_prusacam.sidecar import (
    read_sidecar,
    sidecar_path,
    stamped,
    write_content,
)
from moonraker_prusacam.video.poster import make_video_poster

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.multicam.controller.session import Session
    from moonraker_prusacam.video import FFmpeg

    from .plan import Plan
    from .work import Work

log = logging.getLogger(__name__)

SIDECAR = "video-sidecar.tmp.json"


@attrs.frozen(kw_only=True)
class Made:
    """What was rendered, and is durable."""

    video: Path
    preview: Path
    frames: int
    fps: float
    duration_s: float


async def make_preview(ffmpeg: FFmpeg, video: Path, preview: Path) -> None:
    """The picture beside a video; a video without one is as good."""
    try:
        await make_video_poster(ffmpeg, video, preview)
    except RenderError as error:
        log.warning("MultiCam: %s has no preview: %s", video.name, error)


def publish_video(
    session: Session, work: Work, plan: Plan, made: Made, folder: Path
) -> None:
    """Move it into ``folder``, the video last; raises TimelapseError and OSError.

    The record tells name and size before, so that a kill between the two is seen.
    """
    record = session.record
    folder.mkdir(parents=True, exist_ok=True)
    work.size_bytes = made.video.stat().st_size
    if work.video is None or (folder / work.video).exists():
        title = record.filename or UNTITLED
        name = video_name(title, record.outcome, record.created, TRACK)
        work.video = unused(folder, name)
    session.save()
    video = folder / work.video
    write_content(session.path / SIDECAR, _content(session, plan, made))
    beside = {session.path / SIDECAR: sidecar_path(video)}
    if made.preview.exists():
        beside[made.preview] = video.with_suffix(".jpg")
    publishing.publish_video(made.video, video, beside)


def is_rendered(session: Session, work: Work, folder: Path) -> bool:
    """Whether an earlier run got as far as the rename of the video."""
    if work.video is None:
        return False
    video = folder / work.video
    try:
        is_whole = video.stat().st_size == work.size_bytes
    except OSError:
        return False
    job = read_sidecar(video).get("job")
    return is_whole and isinstance(job, dict) and job.get("id") == session.record.id


def _content(session: Session, plan: Plan, made: Made) -> dict[str, Any]:
    """The sidecar, as those of timelapses are."""
    width, height = plan.grid.size
    return stamped(
        {
            "job": told_job(session),
            "slicer": session.record.slicer,
            "track": {"name": TRACK, "camera": None, "trigger": TRACK},
            "frames": {"shown": made.frames},
            "video": {
                "bytes": made.video.stat().st_size,
                "duration_s": round(made.duration_s, 3),
                "frames": made.frames,
                "fps": made.fps,
                "width": width,
                "height": height,
            },
            "encoding": {"encoder": plan.codec, "crf": plan.crf},
            "multicam": {
                "target": session.record.target,
                "columns": plan.grid.columns,
                "tile": list(plan.grid.tile),
                "angles": [
                    {
                        "name": angle.name,
                        "video": angle.video,
                        "begin_s": angle.begin_s,
                        "aligned_by": angle.aligned_by,
                        "reason": angle.reason,
                        "warning": angle.warning,
                    }
                    for angle in plan.angles
                ],
                "left_out": [attrs.asdict(one) for one in plan.left_out],
            },
        }
    )
