# Tests of a hyperlapse that lasts a day.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame every 30 s for hours, in scaled time: nothing grows, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

import cattrs
import pytest

from tests.support.scaled_print import Outcome
from tests.support.scripted_print import BARS, layers_shown

if TYPE_CHECKING:
    from pathlib import Path

IS_THOROUGH = bool(os.environ.get("PRUSACAM_ENDURANCE"))
INTERVAL_S = 30.0
HOURS = 24 if IS_THOROUGH else 4
FRAMES = int(HOURS * 3600 / INTERVAL_S)
# 15 ms from frame to frame, and as long as the disk takes for one.
SCALE = 2000.0
RUN_TIMEOUT_S = 300.0
# Python's allocators need a while until they have what they ever will.
WARM_FRAMES = 100
MOST_GROWTH_BYTES = 4 << 20
MOST_DESCRIPTORS = 12
# Frames of two segments, those that came while one was made, and the segments.
MOST_FRAMES_ON_DISK = 150


@pytest.mark.timeout(RUN_TIMEOUT_S)
async def test_hyperlapse_when_it_lasts_a_day_then_nothing_grows_and_all_is_shown(
    tmp_path: Path,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.scaled_print"),
        *(str(tmp_path), str(FRAMES), str(INTERVAL_S), str(SCALE)),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(RUN_TIMEOUT_S):
        said, _ = await process.communicate()
    assert process.returncode == 0
    outcome = cattrs.structure(json.loads(said), Outcome)
    assert outcome.taken >= FRAMES
    assert outcome.gaps == 0
    video = tmp_path / "timelapse" / outcome.video
    shown = await asyncio.to_thread(layers_shown, video)
    wanted = range(1, outcome.taken + 1)
    assert shown == [number % (1 << BARS) for number in wanted]

    warm = [sample for sample in outcome.samples if sample.frames >= WARM_FRAMES]
    growth = warm[-1].resident_bytes - warm[0].resident_bytes
    descriptors = max(sample.descriptors for sample in warm)
    peak = max(sample.job_bytes for sample in warm)
    segments = (await asyncio.to_thread(video.stat)).st_size
    files = max(sample.job_files - sample.frames // 25 for sample in outcome.samples)
    print(
        f"{outcome.taken} frames in {HOURS} h: {warm[-1].resident_bytes / 1e6:.0f} MB,"
        f" of these {growth / 1e6:.1f} MB since frame {WARM_FRAMES};"
        f" {descriptors} descriptors; at most {peak / 1e6:.1f} MB in the job,"
        f" {files} files besides segments; the video has {segments / 1e6:.1f} MB"
    )
    assert growth < MOST_GROWTH_BYTES
    assert descriptors <= warm[0].descriptors + MOST_DESCRIPTORS
    assert files < MOST_FRAMES_ON_DISK
