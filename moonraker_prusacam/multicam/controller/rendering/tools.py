# What videos are made with.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ffmpeg, how it encodes, and who comes first; the composition root gives it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.orientation import UPRIGHT, Orientation
from moonraker_prusacam.video.segment import DEFAULT_CRF

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moonraker_prusacam.video.encoders import Encoders


def _nobody() -> str:
    return ""


def _upright(camera: str) -> Orientation:
    del camera
    return UPRIGHT


@attrs.frozen(kw_only=True)
class VideoTools:
    """``encoder``, ``crf`` and ``font`` are those of timelapses.

    ``occupied_by`` says what has to be waited for, in words; ``turn`` is held while a
    video in the folder of videos is changed. ``klippy_path`` is Klipper's API socket.
    ``orientation_of`` tells how a camera of ours is seen.
    """

    encoders: Encoders
    encoder: str = "libx264"
    crf: float = DEFAULT_CRF
    font: Path | None = None
    klippy_path: Path | None = None
    orientation_of: Callable[[str], Orientation] = _upright
    occupied_by: Callable[[], str] = _nobody
    turn: asyncio.Lock = attrs.field(factory=asyncio.Lock)
