# The video of all angles.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen at an instant is what was there at that instant, in every tile."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import attrs
import pytest

from moonraker_prusacam.mp4 import JPEG, read_times, read_track
from moonraker_prusacam.multicam.controller.rendering import plan as plan_module
from moonraker_prusacam.orientation import Orientation
from moonraker_prusacam.timelapse.library import read_videos
from moonraker_prusacam.video import FFmpeg
from moonraker_prusacam.video.grid import grid_for
from tests.support.angles import (
    CONFIG,
    Collected,
    film,
    record,
    session_of,
    shown,
    studio,
    uneven,
)
from tests.support.video import programs

if TYPE_CHECKING:
    from pathlib import Path

FPS = CONFIG.video_fps
SIZE = (320, 180)
# A frame of a camera is no older than this, and a bar is so exact.
TOLERANCE_S = 1 / FPS


async def test_video_when_angles_begin_and_end_apart_then_all_show_one_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "PIECE_S", 2)
    record(tmp_path / "own.mp4", uneven(0.2, 4.5))
    await film(tmp_path / "turned.mp4", 0.05, 5.5, rotation=90)
    await film(tmp_path / "late.mp4", 1.37, 2.0, fps=25)
    angles = [
        Collected(tmp_path / "own.mp4", 0.2, "bed"),
        Collected(tmp_path / "turned.mp4", 0.05, "phone"),
        Collected(tmp_path / "late.mp4", 1.37, "late"),
    ]
    await session_of(tmp_path / "sessions", tmp_path / "videos", angles, 5.5)
    async with studio(tmp_path) as made:
        await made.controller.render()
        await made.over()
        assert made.session["video"]["state"] == "done", made.session
        video, sidecar = made.video, await made.sidecar()

    assert video.name.endswith("_multicam.mp4")
    grid = grid_for([SIZE] * 3, CONFIG.video_height)
    track = await asyncio.to_thread(read_track, video)
    assert (track.width, track.height) == grid.size
    assert track.fps == FPS
    assert track.frames == round(5.5 * FPS)
    for number in range(0, track.frames, 13):
        # The axis begins with the first frame of the one that was first.
        now_s = 0.05 + number / FPS
        own_s, turned_s, late_s = await shown(video, grid, number, tmp_path)
        assert turned_s == pytest.approx(now_s, abs=TOLERANCE_S), number
        if now_s >= 0.2:
            true_s = min(now_s, 0.2 + 4.5)
            assert own_s == pytest.approx(true_s, abs=TOLERANCE_S), number
        # Before it begins its first picture is seen, and its last one at the end.
        true_s = min(max(now_s, 1.37), 1.37 + 2.0 - 1 / 25)
        assert late_s == pytest.approx(true_s, abs=TOLERANCE_S), number

    videos = await asyncio.to_thread(read_videos, tmp_path / "videos")
    (found,) = [each for each in videos if each.path == video]
    assert (found.filename, found.frames, found.fps) == ("cube.gcode", 82, FPS)
    preview = await asyncio.to_thread(video.with_suffix(".jpg").read_bytes)
    assert preview[:2] == b"\xff\xd8"
    assert [
        (angle["name"], angle["begin_s"], angle["aligned_by"])
        for angle in sidecar["multicam"]["angles"]
    ] == [("bed", 0.15, "offset"), ("phone", 0.0, "offset"), ("late", 1.32, "offset")]
    assert not list((tmp_path / "sessions").glob("*/video/*"))


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_video_when_so_many_angles_then_each_has_its_tile(
    tmp_path: Path, count: int
) -> None:
    angles = []
    for number in range(count):
        begin_s = 0.3 * number
        path = record(tmp_path / f"{number}.mp4", uneven(begin_s, 1.6))
        angles.append(Collected(path, begin_s))
    await session_of(tmp_path / "sessions", tmp_path / "videos", angles, 5)
    config = attrs.evolve(CONFIG, encode=False)
    async with studio(tmp_path, config) as made:
        await made.controller.render()
        await made.over()
        video = made.video
    grid = grid_for([SIZE] * count, CONFIG.video_height)
    number = 22
    times = await shown(video, grid, number, tmp_path)
    for each, at_s in enumerate(times):
        true_s = max(number / FPS, 0.3 * each)
        assert at_s == pytest.approx(true_s, abs=TOLERANCE_S)
    kept = sorted(made.videos.glob("*_cam?.mp4"))
    codecs = [(await asyncio.to_thread(read_times, path)).codec for path in kept]
    assert codecs == [JPEG] * count


def _spoil(video: Path) -> None:
    """Leave a third of what is in it; all that tells of it is at the begin."""
    whole = video.stat().st_size
    os.truncate(video, whole // 3)
    os.truncate(video, whole)


async def test_video_when_inputs_are_odd_then_what_can_be_seen_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "PIECE_S", 2)
    await film(tmp_path / "good.mp4", 0.0, 4.0)
    await film(tmp_path / "unknown.mp4", 0.0, 2.0)
    await film(tmp_path / "lying.mp4", 0.0, 2.0)
    await film(tmp_path / "spoilt.mp4", 0.0, 4.0)
    await asyncio.to_thread(_spoil, tmp_path / "spoilt.mp4")
    (tmp_path / "torn.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(3000))
    (tmp_path / "oak.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    angles = [
        Collected(tmp_path / "good.mp4", 0.0, "good"),
        Collected(tmp_path / "unknown.mp4", None, "unknown"),
        Collected(tmp_path / "lying.mp4", 86_400.0, "lying"),
        Collected(tmp_path / "spoilt.mp4", 0.0, "spoilt"),
        Collected(tmp_path / "torn.mp4", 0.0, "torn"),
        Collected(tmp_path / "oak.zip", 0.0, "oak"),
        Collected(None, 0.0, "away"),
    ]
    await session_of(tmp_path / "sessions", tmp_path / "videos", angles, 4)
    async with studio(tmp_path) as made:
        await made.controller.render()
        await made.over()
        assert made.session["video"]["state"] == "done", made.session
        video, told = made.video, (await made.sidecar())["multicam"]

    by_name = {angle["name"]: angle for angle in told["angles"]}
    assert {name: angle["aligned_by"] for name, angle in by_name.items()} == {
        "good": "offset",
        "unknown": "first_frame",
        "lying": "first_frame",
        "spoilt": "offset",
    }
    left_out = {one["name"]: one["reason"] for one in told["left_out"]}
    assert left_out["torn"].endswith("is not a whole MP4")
    assert left_out["oak"] == "a .zip cannot be played"
    assert left_out["away"] == "it was away"
    grid = grid_for([SIZE] * 4, CONFIG.video_height)
    last = round(4.0 * FPS) - 1
    good_s, unknown_s, lying_s, spoilt_s = await shown(video, grid, last, tmp_path)
    assert good_s == pytest.approx(last / FPS, abs=TOLERANCE_S)
    for at_s in (unknown_s, lying_s):
        assert at_s == pytest.approx(2.0, abs=TOLERANCE_S)
    assert spoilt_s is not None  # its last good picture
    assert spoilt_s < 4.0 - 1.0
    assert by_name["spoilt"]["warning"]
    assert not by_name["good"]["warning"]


async def test_video_when_nothing_can_be_seen_then_it_fails_with_the_reasons(
    tmp_path: Path,
) -> None:
    (tmp_path / "oak.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    angles = [Collected(tmp_path / "oak.zip", 0.0, "oak")]
    await session_of(tmp_path / "sessions", tmp_path / "videos", angles, 4)
    async with studio(tmp_path) as made:
        await made.controller.render()
        await made.over()
        work = made.session["video"]
    assert work["state"] == "failed"
    assert "oak: a .zip cannot be played" in work["reason"]
    assert not list((tmp_path / "videos").glob("*_multicam.mp4"))


@pytest.mark.parametrize("encode", [True, False])
@pytest.mark.parametrize(
    "seen", [Orientation(rotation=90, flip_horizontal=True), Orientation(rotation=180)]
)
async def test_video_when_a_camera_is_mounted_turned_then_it_is_seen_as_by_viewers(
    tmp_path: Path, seen: Orientation, encode: bool
) -> None:
    path = tmp_path / "own.mp4"
    await asyncio.to_thread(record, path, uneven(0.0, 1.2), SIZE, seen)
    # It began again, so it has another name.
    angles = [Collected(path, 0.0, "bed 2", camera="bed")]
    session = await session_of(tmp_path / "sessions", tmp_path / "videos", angles, 1.2)
    config = attrs.evolve(CONFIG, encode=encode)
    turned = {"bed": seen}
    async with studio(tmp_path, config, orientation_of=turned.__getitem__) as made:
        await made.controller.render()
        await made.over()
        video = made.video
    grid = grid_for([SIZE], CONFIG.video_height)
    (at_s,) = await shown(video, grid, 15, tmp_path)
    assert at_s == pytest.approx(1.0, abs=TOLERANCE_S)
    own = tmp_path / "videos" / str(session.record.takes[0].video)
    track = await asyncio.to_thread(read_track, own)
    assert (track.width, track.height) == (
        SIZE if encode or seen.rotation == 180 else SIZE[::-1]
    )


async def test_video_when_a_camera_of_another_host_has_our_name_then_it_is_not_turned(
    tmp_path: Path,
) -> None:
    path = tmp_path / "theirs.mp4"
    await asyncio.to_thread(record, path, uneven(0.0, 1.2), SIZE)
    angles = [Collected(path, 0.0, "bed")]
    session = await session_of(tmp_path / "sessions", tmp_path / "videos", angles, 1.2)
    turned = {"bed": Orientation(rotation=90)}
    config = attrs.evolve(CONFIG, video="off")
    async with studio(tmp_path, config, orientation_of=turned.__getitem__) as made:
        await made.controller.collect(session.record.id)  # its work is planned then
        await made.over()
    own = tmp_path / "videos" / str(session.record.takes[0].video)
    track = await asyncio.to_thread(read_track, own)
    assert (track.width, track.height) == SIZE


async def test_video_when_pixels_are_no_squares_then_it_has_its_shape(
    tmp_path: Path,
) -> None:
    wide, path = tmp_path / "wide.mp4", tmp_path / "phone.mp4"
    await film(wide, 0.0, 1.0, size=(240, 180))
    ffmpeg = FFmpeg(programs()[0])
    arguments = ["-i", str(wide), "-vf", "setsar=4/3", "-c:v", "libx264", str(path)]
    await ffmpeg.run(arguments, timeout_s=30)
    angles = [Collected(path, 0.0, "phone")]
    await session_of(tmp_path / "sessions", tmp_path / "videos", angles, 1)
    async with studio(tmp_path) as made:
        await made.controller.render()
        await made.over()
        video = made.video
    grid = grid_for([SIZE], CONFIG.video_height)
    assert (await asyncio.to_thread(read_track, video)).width == grid.size[0]
    (at_s,) = await shown(video, grid, 10, tmp_path)
    assert at_s == pytest.approx(10 / FPS, abs=TOLERANCE_S)
