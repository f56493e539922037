# Faults in a print, in real Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kills and late answers must not cost: frames, options, the only video."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator.gcode_file import vase
from moonraker_prusacam.emulator.stand import Stand
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.video import FFmpeg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.moonraker, pytest.mark.timeout(120)]

SPEED = 4.0
PRINT_TIMEOUT_S = 60.0


@pytest.fixture
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with Stand(tmp_path_factory.mktemp("f"), speed=SPEED) as opened:
        yield opened


async def print_over(stand: Stand) -> None:
    async def is_over() -> bool:
        return stand.printer.state == "complete"

    await stand.until(is_over, "the end of the print", PRINT_TIMEOUT_S)


async def jobs(stand: Stand) -> list[dict[str, Any]]:
    known: list[dict[str, Any]] = (await stand.call_engine("timelapse.list"))["jobs"]
    return known


async def only_video(stand: Stand) -> int:
    """The frames of the one video of the one print."""

    async def is_over() -> bool:
        states = {job["state"] for job in await jobs(stand)}
        return bool(states) and states <= {"done", "failed"}

    await stand.until(is_over, "the video", PRINT_TIMEOUT_S)
    (job,) = await jobs(stand)
    assert job["state"] == "done", job["error"]
    encoder = FFmpeg(await asyncio.to_thread(find_ffmpeg, None))
    path = stand.data_path / "timelapse" / job["video"]
    frames = await encoder.count_decoded(path)
    assert frames == job["frames"]
    return frames


@pytest.mark.parametrize(
    ("options", "frames"), [("ENABLE=0", 0), ("TRIGGER=macro", 3), ("", 3)]
)
async def test_macros_when_they_head_the_file_then_they_are_of_this_print(
    stand: Stand, options: str, frames: int
) -> None:
    # Klipper answers what the component asks at the start of a print up to 250 ms
    # later; by then these macros have been called.
    lines = [f"PRUSACAM_TIMELAPSE_START {options}"]
    for layer in range(1, 4):
        lines.append(f"SET_PRINT_STATS_INFO TOTAL_LAYER=3 CURRENT_LAYER={layer}")
        lines += ["PRUSACAM_TIMELAPSE_FRAME", "G4 P2000"]
    await stand.start_print("short.gcode", "\n".join(lines))
    await print_over(stand)

    async def is_told() -> bool:
        log = await asyncio.to_thread(stand.engine.log.read_text)
        return frames == 0 or "mp4" in log

    await stand.until(is_told, "the video", PRINT_TIMEOUT_S)
    if frames == 0:
        await stand.moonraker.request("GET", "/server/prusacam/timelapse/status")
        assert await jobs(stand) == []
    else:
        assert await only_video(stand) == frames


async def test_engine_when_killed_again_and_again_then_one_video_of_what_it_stored(
    stand: Stand,
) -> None:
    folder = stand.data_path / "prusacam" / "jobs"
    stored: set[str] = set()
    await stand.start_print("killed.gcode", vase(8, park=False))

    async def one_more() -> bool:
        frames = {path.name for path in folder.glob("*/frame-*.jpg")}
        more = bool(frames - stored)
        stored.update(frames)
        return more or stand.printer.state == "complete"

    for _ in range(3):
        await stand.until(one_more, "a frame", PRINT_TIMEOUT_S)
        await stand.engine.kill()
        await stand.start_engine()
    while stand.printer.state != "complete":
        await stand.until(one_more, "a frame or the end", PRINT_TIMEOUT_S)
    assert await only_video(stand) >= len(stored) >= 3
    (job,) = folder.iterdir()
    assert [path.name for path in job.iterdir()] == ["job.json"]
