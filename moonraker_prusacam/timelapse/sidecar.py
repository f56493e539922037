# What is told of a video that was rendered here.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidecar of a rendered video: its job, its frames, and how it was encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moonraker_prusacam.sidecar import read_sidecar, stamped, write_content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from moonraker_prusacam.video import JoinResult

    from .job import Job


def write_sidecar(
    path: Path, video: Path, job: Job, result: JoinResult, encoding: Mapping[str, Any]
) -> None:
    """Write the sidecar of a new ``video`` to ``path``; raises OSError.

    ``encoding`` says how its pictures were encoded, and by which ffmpeg.
    """
    record = job.record
    content = stamped(
        {
            "job": {
                "id": record.id,
                "file": record.filename,
                **({"title": record.title} if record.title else {}),
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
        }
    )
    if (remake := record.remake) is not None:
        kept = (
            "job",
            "slicer",
            "track",
            *(("pinned", "made") if remake.in_place else ()),
        )
        before = read_sidecar(video.with_name(remake.video))
        content |= {name: before[name] for name in kept if name in before}
    write_content(path, content)


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
