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

from .boot import boot_id, uptime_s
from .durable import write_file
from .version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA = 1
PRODUCT = "moonraker-prusacam"
MAX_BYTES = 1 << 20


def sidecar_path(video: Path) -> Path:
    """Where the sidecar of ``video`` is."""
    return video.with_name(f".{video.stem}.json")


def stamped(content: Mapping[str, Any]) -> dict[str, Any]:
    """``content`` as the sidecar of a new video, made now and by us."""
    return {
        "schema": SCHEMA,
        "pinned": False,
        **content,
        "made": made_now(),
        "made_by": f"{PRODUCT} {__version__}",
    }


def made_now() -> dict[str, Any]:
    """The moment by the date, which may be wrong, and by the time since boot."""
    return {"time": time.time(), "boot_id": boot_id(), "uptime_s": uptime_s()}


def write_content(path: Path, content: Mapping[str, Any]) -> None:
    """Write a whole sidecar to ``path``; raises OSError."""
    write_file(path, json.dumps(content, indent=1).encode())


def save_sidecar(video: Path, content: Mapping[str, Any]) -> None:
    """Replace the sidecar of ``video``; raises OSError."""
    write_content(sidecar_path(video), content)


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
