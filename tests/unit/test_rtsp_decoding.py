# Tests of what ffmpeg makes of a camera's video.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every codec with every ffmpeg: whole pictures, at the rate that is asked for."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.rtsp.decoder import Profile, decoder, quantiser
from moonraker_prusacam.camera.sources import Host
from moonraker_prusacam.config import CameraConfig
from tests.support.rtsp_playing import CODECS, camera_of, reading, recording
from tests.support.video import programs

every_ffmpeg = pytest.mark.parametrize("ffmpeg", programs())


@every_ffmpeg
@pytest.mark.parametrize("codec", CODECS)
async def test_run_when_a_camera_plays_then_its_pictures_come(
    ffmpeg: str, codec: str
) -> None:
    async with camera_of(codec) as camera:
        async with reading(camera, Host(Path("/nowhere"), Path(ffmpeg))) as received:
            await received.frames(5)
            newest = received.newest
            assert newest is not None
            assert (newest.width, newest.height) == (320, 240)
            reached = received.attempt.durations_s
            assert set(reached) >= {Stage.REACHABLE, Stage.AUTHENTICATED}
            # The test pattern is in colour; what is decoded from its middle is grey.
            with Image.open(io.BytesIO(bytes(newest))) as picture:
                colours = picture.convert("RGB").resize((16, 12)).getcolors() or []
            assert len(colours) > 60
        await camera.left()
        assert camera.connections == 1
        assert len(camera.asked("TEARDOWN")) == 1


@every_ffmpeg
@pytest.mark.parametrize("codec", ["H264", "H265"])
async def test_run_when_it_comes_in_the_middle_then_no_grey_picture_is_shown(
    ffmpeg: str, codec: str
) -> None:
    recorded = await recording(codec)
    middle = next(n for n, (at_s, _) in enumerate(recorded.packets) if at_s > 0.3)
    async with camera_of(codec) as camera:
        camera.behaviour.start_packet = middle
        async with reading(camera, Host(Path("/nowhere"), Path(ffmpeg))) as received:
            await received.frames(1)
            with Image.open(io.BytesIO(bytes(received.newest or b""))) as picture:
                colours = picture.convert("RGB").resize((16, 12)).getcolors() or []
            assert len(colours) > 60


@every_ffmpeg
@pytest.mark.parametrize("clock", ["steady", "frozen", "wild"])
async def test_run_when_a_cameras_clock_is_bad_then_the_rate_is_right_all_the_same(
    ffmpeg: str, clock: str
) -> None:
    async with camera_of() as camera:
        camera.behaviour.clock = clock
        camera.behaviour.speed = 2
        host = Host(Path("/nowhere"), Path(ffmpeg))
        async with reading(camera, host, fps=10) as received:
            await received.frames(1)
            begun, sent = received.stats.frames, camera.frames_sent
            await received.frames(begun + 9)
            shown = received.stats.frames - begun
            # 50 a second are sent; two may come early.
            assert 9 <= shown <= (camera.frames_sent - sent) / 5 + 4


async def test_run_when_the_camera_is_slower_than_the_limit_then_none_is_doubled() -> (
    None
):
    async with camera_of() as camera:
        camera.behaviour.speed = 0.4  # 10 a second
        async with reading(camera, fps=25) as received:
            await received.frames(8)
            assert received.stats.frames <= camera.frames_sent


async def test_run_when_a_picture_in_seconds_is_wanted_then_no_more_come() -> None:
    async with camera_of() as camera:
        camera.behaviour.speed = 4
        async with reading(camera, fps=0.2) as received:
            await received.frames(1)
            await camera.until_sent(150)
            # Two may come early.
            assert received.stats.frames <= 3


async def test_run_when_only_keyframes_are_wanted_then_only_they_come() -> None:
    async with camera_of() as camera:
        camera.behaviour.speed = 3
        async with reading(camera, decode="keyframes") as received:
            await received.frames(4)
            assert camera.frames_sent > 60


def test_decoder_when_a_quality_is_asked_for_then_the_quantiser_fits() -> None:
    assert [quantiser(quality) for quality in (1, 50, 80, 100)] == [31, 17, 8, 2]
    config = CameraConfig("bed", source="rtsp://cam/live", quality=100, fps=7.5)
    command = decoder("ffmpeg", "rtsp://127.0.0.1:1/x", "H264", config, Profile())
    assert command[command.index("-q:v") + 1] == "2"
    assert command[command.index("-r") + 1] == "7.5"
