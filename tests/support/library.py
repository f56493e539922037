# A folder of finished videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos that take room and have sidecars, without any ffmpeg."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.sidecar import sidecar_path

if TYPE_CHECKING:
    from pathlib import Path

DAY_S = 86400.0
NOW_S = 1_800_000_000.0
MADE_BY = "moonraker-prusacam 0"


def keep(
    folder: Path,
    stem: str,
    age_days: float = 0.0,
    *,
    size_bytes: int = 1 << 20,
    outcome: str = "complete",
    **more: Any,
) -> Path:
    """A video with all that may go with it, made so long before ``NOW_S``."""
    folder.mkdir(exist_ok=True)
    video = folder / f"{stem}.mp4"
    video.write_bytes(b"\0" * size_bytes)
    video.with_suffix(".jpg").write_bytes(b"jpeg")
    video.with_suffix(".zip").write_bytes(b"zip")
    made_s = NOW_S - age_days * DAY_S
    content = {
        "schema": 1,
        "pinned": False,
        "job": {"id": f"id-{stem}", "file": f"{stem}.gcode", "outcome": outcome},
        "video": {"frames": 100, "fps": 25.0},
        "made": {"time": made_s, "boot_id": "an earlier one", "uptime_s": 5.0},
        "made_by": MADE_BY,
        **more,
    }
    sidecar_path(video).write_text(json.dumps(content))
    os.utime(video, (made_s, made_s))
    return video


def names(folder: Path) -> list[str]:
    """The names of all files, hidden ones as well."""
    return sorted(path.name for path in folder.iterdir())


def stems(folder: Path) -> set[str]:
    """The names of the videos, without their suffix."""
    return {path.stem for path in folder.glob("*.mp4")}


def of(stem: str) -> set[str]:
    """All files of a video."""
    return {f"{stem}.mp4", f"{stem}.jpg", f"{stem}.zip", f".{stem}.json"}
