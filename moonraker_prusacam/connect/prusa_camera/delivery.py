# A downloaded video to where the UIs look.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves a video into the folder of videos, with a sidecar and a preview as ours have.

The sidecar goes first and the video last, by one rename each: after a kill, the video
is there with all that belongs to it, or it is downloaded, which is noted, and moved.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeAlias

from moonraker_prusacam.errors import PrusacamError, RenderError
from moonraker_prusacam.mp4 import read_track
from moonraker_prusacam.naming import unused, video_name
from moonraker_prusacam.publishing import publish_video, publishing_to
from moonraker_prusacam.sidecar import (
    read_sidecar,
    sidecar_path,
    stamped,
    write_content,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .job import Job

log = logging.getLogger(__name__)

PREVIEW = "preview.tmp.jpg"
SIDECAR = "sidecar.tmp.json"

MakePreview: TypeAlias = "Callable[[Path, Path], Awaitable[None]]"
"""Makes a JPEG of a video, durably; raises PrusacamError."""


async def deliver(
    job: Job, camera: str, folder: Path, make_preview: MakePreview | None
) -> None:
    """Move the whole video of ``job`` into ``folder``; raises DiskRefused.

    Its record tells name and size before.
    """
    preview = job.path / PREVIEW
    if make_preview is not None:
        try:
            await make_preview(job.part, preview)
        except PrusacamError as error:
            log.info("Prusa camera %s: no preview picture: %s", camera, error)
    await asyncio.to_thread(_publish, job, camera, folder)


def is_delivered(job: Job, folder: Path) -> bool:
    """Whether an earlier try got as far as the last rename."""
    record = job.record
    if record.video is None:
        return False
    video = folder / record.video
    try:
        size_bytes = video.stat().st_size
    except OSError:
        return False
    known = read_sidecar(video).get("job")
    is_ours = isinstance(known, dict) and known.get("id") == record.id
    return is_ours and size_bytes == record.video_bytes


def _publish(job: Job, camera: str, folder: Path) -> None:
    record = job.record
    with publishing_to(folder):
        if record.video is None or (folder / record.video).exists():
            name = video_name(record.filename, record.outcome, record.created, camera)
            record.video = unused(folder, name)
        record.video_bytes = job.part.stat().st_size
        job.save()
        video = folder / record.video
        write_content(job.path / SIDECAR, _content(job, camera))
        beside = {job.path / SIDECAR: sidecar_path(video)}
        if (job.path / PREVIEW).exists():
            beside[job.path / PREVIEW] = video.with_suffix(".jpg")
        publish_video(job.part, video, beside)


def _content(job: Job, camera: str) -> dict[str, Any]:
    record, video = job.record, _described(job.part)
    return stamped(
        {
            "job": {
                "id": record.id,
                "file": record.filename,
                "start": record.created,
                "end": record.over,
                "outcome": record.outcome,
                "layers": record.total_layers,
            },
            "slicer": record.slicer,
            "track": {"name": camera, "camera": camera, "trigger": "prusa_camera"},
            "frames": {"shown": video.get("frames")},
            "video": video,
            "prusa_camera": {"name": camera, "job_name": record.job_name},
        }
    )


def _described(video: Path) -> dict[str, Any]:
    """What the file says of itself; not all cameras say it in a way that we read."""
    size_bytes = video.stat().st_size
    try:
        track = read_track(video)
    except RenderError:
        return {"bytes": size_bytes}
    described: dict[str, Any] = {"frames": track.frames, "held": 0}
    if track.headers:
        described["codec"] = "h264"
    if track.duration_s > 0:
        described["fps"] = float(track.fps or track.frames / track.duration_s)
        described["duration_s"] = round(float(track.duration_s), 3)
    return {**described, "bytes": size_bytes}
