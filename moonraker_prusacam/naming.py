# Names of finished videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A safe file name from a G-code file's name, which is hostile input.

It reaches us from a slicer, an upload or a console: it may hold quotes, percent signs,
line breaks, ``../``, emoji, or 255 bytes.
"""

from __future__ import annotations

import time
import unicodedata
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEPT = frozenset(" ._-+()")
MAX_STEM_BYTES = 120
GCODE_SUFFIXES = frozenset({".gcode", ".g", ".gco", ".ufp", ".nc"})


def safe_stem(filename: str) -> str:
    """Letters, digits and a few signs of the last part of ``filename``; never empty."""
    last = PurePosixPath(filename.replace("\0", "_")).name
    if PurePosixPath(last).suffix.lower() in GCODE_SUFFIXES:
        last = PurePosixPath(last).stem
    normal = unicodedata.normalize("NFC", last)
    kept = "".join(
        character if character.isalnum() or character in KEPT else "_"
        for character in normal
    )
    cut = kept.encode(errors="replace")[:MAX_STEM_BYTES].decode(errors="ignore")
    return cut.strip(" .-_") or "print"


def video_name(
    filename: str, outcome: str | None, created: float, track: str = ""
) -> str:
    """``<stem>_<date>_<time>.mp4``, with the outcome of a print that went wrong.

    Tracks besides the first one have their names in it.
    """
    stamp = time.strftime("%Y%m%d_%H%M%S", time.localtime(created))
    ending = "" if outcome in (None, "complete") else f"_{outcome}"
    which = f"_{safe_stem(track)}" if track else ""
    return f"{safe_stem(filename)}_{stamp}{which}{ending}.mp4"


def unused(folder: Path, name: str) -> str:
    """``name``, or the first of ``name_2``, ``name_3``, … that is not taken."""
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    number = 1
    while (folder / name).exists():
        number += 1
        name = f"{stem}_{number}{suffix}"
    return name
