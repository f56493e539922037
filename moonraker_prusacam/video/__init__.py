# The package that makes videos of pictures.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JPEG files in, MP4 out: segments are sealed as frames come, and joined at the end.

Nothing here knows of prints and jobs.
"""

from __future__ import annotations

from .caption import Caption
from .ffmpeg import FFmpeg, Usage
from .inset import Inset
from .join import JoinResult, Tags, Timing, join
from .retime import Retimed, retime
from .segment import FRAMES_PER_SEGMENT, EncodeSettings, Segment, hold_segment, seal

__all__ = [
    "FRAMES_PER_SEGMENT",
    "Caption",
    "EncodeSettings",
    "FFmpeg",
    "Inset",
    "JoinResult",
    "Retimed",
    "Segment",
    "Tags",
    "Timing",
    "Usage",
    "hold_segment",
    "join",
    "retime",
    "seal",
]
