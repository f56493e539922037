# Which ffmpeg is run.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds ffmpeg, for sources that need one and for videos."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from .errors import FfmpegMissing

if TYPE_CHECKING:
    from pathlib import Path


def find_ffmpeg(configured: Path | None) -> str:
    """The ffmpeg to use; raises FfmpegMissing with what to do about none."""
    if configured is not None:
        if not os.access(configured, os.X_OK):
            raise FfmpegMissing(f"[timelapse] ffmpeg: {configured} cannot be run")
        return str(configured)
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg
    except ImportError:
        pass
    else:
        with contextlib.suppress(RuntimeError):
            return str(imageio_ffmpeg.get_ffmpeg_exe())
    raise FfmpegMissing("there is no ffmpeg; install it with 'sudo apt install ffmpeg'")
