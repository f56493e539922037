# What others are told of jobs.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs, frames and renders as the control socket, the web and the panels show them."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moonraker_prusacam.config import TimelapseConfig

    from .job import Job, JobRecord
    from .panel import Panel
    from .recorder import Trigger


def summary(job: Job) -> dict[str, Any]:
    """A job as the control socket and the web show it."""
    record = job.record
    return {
        "id": record.id,
        "state": str(record.state),
        "filename": record.filename,
        "camera": record.camera,
        "track": record.track,
        "outcome": record.outcome,
        "frames": record.frames,
        "gaps": record.gaps,
        "chosen": record.chosen,
        "created": record.created,
        "finished": record.finished,
        "video": record.video,
        "video_bytes": record.video_bytes,
        "seconds_from_last_frame": _waited_s(record),
        "error": record.error,
    }


def _waited_s(record: JobRecord) -> float | None:
    """How long the video took after the last frame, whatever was done to the date."""
    if record.finished_s is not None and record.last_frame_s is not None:
        return round(record.finished_s - record.last_frame_s, 2)
    if record.finished is None or record.last_frame is None:
        return None
    return round(record.finished - record.last_frame, 2)


def frame_notice(
    job: Job, trigger: Trigger, panel: Panel, *, is_stored: bool
) -> dict[str, Any]:
    """That a frame was taken, or was not."""
    return {
        "event": "frame",
        "status": "success" if is_stored else "error",
        "job": job.record.id,
        "track": job.record.track,
        "frame": trigger.number,
        "layer": trigger.layer,
        "framecount": panel.frame_count,
        "framefile": panel.frame_file,
    }


def render_notice(job: Job, status: str, config: TimelapseConfig) -> dict[str, Any]:
    """How rendering goes: ``started``, ``success`` or ``error``."""
    record = job.record
    preview = ""
    if record.video is not None and config.preview_image:
        preview = f"{PurePath(record.video).stem}.jpg"
    return {
        "event": "render",
        "status": status,
        "job": summary(job),
        "framecount": record.frames,
        "filename": record.video or "",
        "printfile": record.filename,
        "previewimage": preview,
        "msg": _message(job, status),
        "settings": {
            "framerate": config.fps,
            "crf": config.crf,
            "pixelformat": "yuv420p",
        },
    }


def _message(job: Job, status: str) -> str:
    """What the panels show; short, and without paths."""
    if status == "error":
        reason = (job.record.error or "unknown").rpartition("/")[2]
        return f"Rendering the timelapse failed: {reason}"
    return {"started": "Rendering the timelapse", "success": "Timelapse is rendered"}[
        status
    ]
