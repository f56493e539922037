# What is known of a video, beside it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``.<video>.json``: hidden, so that file lists show videos only.

It says what was printed and how the video was made, and whether it may be removed:
``"pinned": true`` keeps it for ever.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.durable import write_file
from moonraker_prusacam.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .job import Job
    from .video import JoinResult

SCHEMA = 1


def sidecar_path(video: Path) -> Path:
    """Where the sidecar of ``video`` is."""
    return video.with_name(f".{video.stem}.json")


def write_sidecar(
    path: Path, job: Job, result: JoinResult, encoding: Mapping[str, Any]
) -> None:
    """Write the sidecar of a new video to ``path``; raises OSError.

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
        "video": {
            "codec": "h264",
            "frames": result.frames,
            "fps": float(result.fps),
            "duration_s": round(result.duration_s, 3),
            "bytes": result.size_bytes,
        },
        "encoding": dict(encoding),
        "made_by": f"moonraker-prusacam {__version__}",
    }
    write_file(path, json.dumps(content, indent=1).encode())


def read_sidecar(video: Path) -> dict[str, Any]:
    """What is known of ``video``; nothing where there is no sidecar, or a bad one."""
    try:
        content = json.loads(sidecar_path(video).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def is_pinned(video: Path) -> bool:
    """Whether ``video`` is to be kept for ever."""
    return read_sidecar(video).get("pinned") is True
