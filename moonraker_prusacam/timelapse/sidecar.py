# What is known of a video, beside it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``.<video>.json``: hidden, so that file lists show videos only.

It says what was printed and how the video was made, and whether it may be removed:
``"pinned": true`` keeps it for ever. Others can write into that folder as well, so a
sidecar that is not as we write them is nobody's, and its video is left alone.
"""

from __future__ import annotations

import json
import os
import stat
import time
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.boot import boot_id
from moonraker_prusacam.durable import write_file
from moonraker_prusacam.version import __version__

from .wall_clock import uptime_s

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .job import Job
    from .video import JoinResult

SCHEMA = 1
PRODUCT = "moonraker-prusacam"
MAX_BYTES = 1 << 20


def sidecar_path(video: Path) -> Path:
    """Where the sidecar of ``video`` is."""
    return video.with_name(f".{video.stem}.json")


def write_sidecar(
    path: Path, video: Path, job: Job, result: JoinResult, encoding: Mapping[str, Any]
) -> None:
    """Write the sidecar of a new ``video`` to ``path``; raises OSError.

    ``encoding`` says how its pictures were encoded, and by which ffmpeg.
    """
    record = job.record
    content = {
        "schema": SCHEMA,
        "pinned": False,
        "job": {
            "id": record.id,
            "file": record.filename,
            "start": record.created,
            "end": record.last_frame,
            "outcome": record.outcome,
            "layers": record.total_layers,
        },
        "slicer": record.slicer,
        "track": {
            "name": record.track,
            "camera": record.camera,
            "trigger": record.trigger,
            "style": record.style,
        },
        "frames": {
            "shown": record.frames,
            "gaps": record.gaps,
            "chosen": record.chosen,
        },
        "video": described(result, result.frames - record.frames),
        "encoding": dict(encoding),
        "made": made_now(),
        "made_by": f"{PRODUCT} {__version__}",
    }
    if (remake := record.remake) is not None:
        kept = (
            "job",
            "slicer",
            "track",
            *(("pinned", "made") if remake.in_place else ()),
        )
        before = read_sidecar(video.with_name(remake.video))
        content |= {name: before[name] for name in kept if name in before}
    write_file(path, json.dumps(content, indent=1).encode())


def described(result: JoinResult, held: int) -> dict[str, Any]:
    """What a sidecar tells of the file; the last ``held`` frames are the same."""
    return {
        "codec": "h264",
        "frames": result.frames,
        "held": held,
        "fps": float(result.fps),
        "duration_s": round(result.duration_s, 3),
        "bytes": result.size_bytes,
    }


def made_now() -> dict[str, Any]:
    """The moment by the date, which may be wrong, and by the time since boot."""
    return {"time": time.time(), "boot_id": boot_id(), "uptime_s": uptime_s()}


def save_sidecar(video: Path, content: dict[str, Any]) -> None:
    """Replace the sidecar of ``video``; raises OSError."""
    write_file(sidecar_path(video), json.dumps(content, indent=1).encode())


def read_sidecar(video: Path) -> dict[str, Any]:
    """What is known of ``video``; nothing where there is no sidecar of ours.

    A link, a pipe or anything else that is no plain file is none.
    """
    try:
        descriptor = os.open(
            sidecar_path(video), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        )
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return {}
            content = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if is_ours(content) else {}


def is_ours(content: object) -> bool:
    """Whether that is a sidecar, of this version or an older one."""
    if not isinstance(content, dict):
        return False
    schema, job = content.get("schema"), content.get("job")
    return (
        type(schema) is int
        and 1 <= schema <= SCHEMA
        and str(content.get("made_by")).startswith(PRODUCT)
        and isinstance(job, dict)
        and isinstance(job.get("id"), str)
    )
