# What is asked for when a finished video is rendered again.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A remake is a job whose frames come out of the archive beside a video.

It is rendered as prusacam.conf says now, but for what was asked for. All of it is in
the job's record, so that a restart goes on with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from moonraker_prusacam.config import TimelapseConfig

    from .job import JobRecord

ENDING = "_rerendered"


@attrs.define(kw_only=True)
class Remake:
    """``video`` is made anew, in its place or beside it; None is as configured."""

    video: str
    in_place: bool
    is_unpacked: bool = False
    fps: float | None = None
    target_length_s: float | None = None
    hold_s: float | None = None
    crf: float | None = None
    rotation: int | None = None
    flip_horizontal: bool | None = None
    flip_vertical: bool | None = None


def configured(config: TimelapseConfig, record: JobRecord) -> TimelapseConfig:
    """What holds for a job: what was asked for it, else ``config``."""
    remake = record.remake
    if remake is None:
        return config
    chosen = {
        name: value
        for name in ("fps", "target_length_s", "hold_s", "crf")
        if (value := getattr(remake, name)) is not None
    }
    if "fps" in chosen:
        chosen = {"target_length_s": 0.0} | chosen
    # Its frames are in the archive already.
    return attrs.evolve(config, **chosen, save_frames=False)
