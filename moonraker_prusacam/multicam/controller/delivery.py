# Collected videos to where the UIs look.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves each device's video into the folder of videos, and tells there how they fit.

``<print>_<date>_multicam.json`` names every device of a session with its video, its
digest and its offset, or why there is none. An MP4 gets a sidecar of its own as well,
which makes it one of our videos; files of other kinds are nobody's to expire.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.durable import write_file
from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import read_track
from moonraker_prusacam.naming import unused, video_name
from moonraker_prusacam.publishing import publish_video, publishing_to
from moonraker_prusacam.sidecar import (
    read_sidecar,
    sidecar_path,
    stamped,
    write_content,
)

from .rendering.work import told

if TYPE_CHECKING:
    from pathlib import Path

    from .session import Session, Take

SIDECAR = "sidecar.tmp.json"
TRACK = "multicam"
UNTITLED = "recording"


def publish_take(session: Session, take: Take, folder: Path) -> None:
    """Move the whole video of ``take`` into ``folder``; blocks, raises DiskRefused.

    The record tells its name before, so that a kill between the two is seen.
    """
    record, part = session.record, session.part(take)
    with publishing_to(folder):
        if take.video is None or (folder / take.video).exists():
            title = record.filename or UNTITLED
            name = video_name(title, record.outcome, record.created, take.name)
            name = str(PurePosixPath(name).with_suffix(take.suffix))
            take.video = unused(folder, name)
        session.save()
        video, beside = folder / take.video, {}
        if take.suffix == ".mp4":
            staged = session.path / SIDECAR
            write_content(staged, _content(session, take, part))
            beside[staged] = sidecar_path(video)
        publish_video(part, video, beside)


def is_published(session: Session, take: Take, folder: Path) -> bool:
    """Whether an earlier run got as far as the rename of the video."""
    if take.video is None or session.part(take).exists():
        return False
    video = folder / take.video
    try:
        is_whole = video.stat().st_size == take.size_bytes
    except OSError:
        return False
    if take.suffix != ".mp4":
        return is_whole
    job = read_sidecar(video).get("job")
    return is_whole and isinstance(job, dict) and job.get("id") == session.record.id


def write_session_sidecar(session: Session, folder: Path) -> None:
    """Tell beside the videos how they fit; blocks, raises DiskRefused."""
    record = session.record
    with publishing_to(folder):
        if record.sidecar is None:
            title = record.filename or UNTITLED
            name = video_name(title, record.outcome, record.created, TRACK)
            name = str(PurePosixPath(name).with_suffix(".json"))
            record.sidecar = unused(folder, name)
            session.save()
        text = json.dumps(described(session), indent=1)
        write_file(folder / record.sidecar, text.encode())


def described(session: Session) -> dict[str, Any]:
    """The session as its sidecar tells it."""
    record = session.record
    return stamped(
        {
            "job": told_job(session),
            "target": record.target,
            "clock_synchronized": record.is_clock_set,
            "video": told(record.video),
            "devices": [_told(take, record.target) for take in record.takes],
        }
    )


def told_job(session: Session) -> dict[str, Any]:
    """The print or recording, as all sidecars of the session tell it."""
    record = session.record
    return {
        "id": record.id,
        "file": record.filename,
        "start": record.created,
        "end": record.over,
        "outcome": record.outcome,
    }


def _told(take: Take, target: float | None) -> dict[str, Any]:
    return {
        "name": take.name,
        "address": str(take.address),
        "device_id": take.device_id,
        "device_type": take.device_type,
        "dialect": take.dialect,
        "state": str(take.state),
        "video": take.video,
        "bytes": take.size_bytes,
        "sha256": take.sha256 or None,
        "recorded_bytes": take.recorded_bytes,
        "recorded_sha256": take.recorded_sha256 or None,
        "offset_s": take.offset_s(target),
        "uncertainty_s": take.uncertainty_s,
        "late_s": round(take.late_s, 3),
        "told_name": take.file_name or take.file_id,
        "reason": take.reason,
        "warning": take.warning,
    }


def _content(session: Session, take: Take, part: Path) -> dict[str, Any]:
    """The sidecar of one video, as those of timelapses are."""
    video: dict[str, Any] = {"bytes": take.size_bytes}
    target = session.record.target
    try:
        track = read_track(part)
    except RenderError:
        frames = None  # not all devices say it in a way that we read
    else:
        frames = track.frames
        if track.duration_s > 0:
            video["duration_s"] = round(float(track.duration_s), 3)
    return stamped(
        {
            "job": told_job(session),
            "slicer": session.record.slicer,
            "track": {"name": take.name, "camera": take.name, "trigger": TRACK},
            "frames": {"shown": frames},
            "video": {**video, "frames": frames},
            "multicam": {"target": target, **_told(take, target)},
        }
    )
