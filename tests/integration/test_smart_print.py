# Tests of the choice of frames over a whole print.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the head jumps between frames, by what the synthetic camera has drawn."""

from __future__ import annotations

import asyncio
import math
import time
import zipfile
from bisect import bisect
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.emulator.camera import read_tag
from moonraker_prusacam.emulator.gcode_file import vase
from moonraker_prusacam.emulator.stand import Stand

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.moonraker

LAYERS = 8
SAMPLE_S = 0.01
PRINT_TIMEOUT_S = 90.0
OPTIONS = "save_frames: True\nstyle: {style}\n"


class Track:
    """Where the head of the simulated printer was."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._times_ns: list[int] = []
        self._places: list[tuple[float, float]] = []

    async def follow(self) -> None:
        while True:
            x, y, _ = self._stand.printer.live_position()
            self._times_ns.append(time.monotonic_ns())
            self._places.append((x, y))
            await asyncio.sleep(SAMPLE_S)

    def at(self, time_ns: int) -> tuple[float, float]:
        return self._places[max(0, bisect(self._times_ns, time_ns) - 1)]


async def jumps_mm(folder: Path, style: str) -> list[float]:
    """Print, and measure from frame to frame."""
    async with Stand(folder, timelapse_options=OPTIONS.format(style=style)) as stand:
        track = Track(stand)
        following = asyncio.create_task(track.follow())
        try:
            await stand.start_print("vase.gcode", vase(LAYERS, park=False))

            async def video() -> str | None:
                last = (await stand.call_engine("timelapse.status"))["last"]
                return last["video"] if last and last["state"] == "done" else None

            name = await stand.until(video, "the video", PRINT_TIMEOUT_S)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        archive = (stand.data_path / "timelapse" / name).with_suffix(".zip")
        tags = [read_tag(jpeg) for jpeg in await asyncio.to_thread(_read_all, archive)]
    places = [track.at(tag.t_ns) for tag in tags if tag is not None]
    assert len(places) == LAYERS
    return [math.dist(one, two) for one, two in pairwise(places)]


def _read_all(archive: Path) -> list[bytes]:
    with zipfile.ZipFile(archive) as stored:
        return [stored.read(name) for name in sorted(stored.namelist())]


@pytest.mark.timeout(2 * PRINT_TIMEOUT_S)
async def test_smart_when_compared_with_plain_then_the_head_jumps_less(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    smart = await jumps_mm(tmp_path_factory.mktemp("s"), "smart")
    plain = await jumps_mm(tmp_path_factory.mktemp("p"), "plain")
    print(f"jump in mm, median: smart {median(smart):.2f}, plain {median(plain):.2f}")
    # The walls of the vase wander, so the nearest place does, too.
    assert median(smart) < 10
    assert median(smart) <= median(plain)
