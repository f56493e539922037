# A print recorded by phones and a camera of ours, in real Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of MultiCam: print hooks, macros, endpoints, and the engine as a process.

Only the printer, the camera and the phones are stand-ins. What a phone films is drawn
at the instants of its shutter, so that the true time of its first frame is known.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator.gcode_file import vase
from moonraker_prusacam.emulator.multicam import Fault, FaultKind
from moonraker_prusacam.emulator.stand import CAMERA, PHONE_FPS, Stand
from moonraker_prusacam.errors import EmulatorError
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.video import FFmpeg

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.moonraker, pytest.mark.timeout(150)]

LAYERS = 3
SPEED = 6.0
PRINT_TIMEOUT_S = 90.0
FILE = 'it\'s a 100% "vase" 🚀.gcode'
PHONES = ("iphone", "android", "published")
SOON = "delay: 0.5\nencode: False\n"
BY_HAND = "record_prints: False\ndelay: 5\n"


async def recorded(stand: Stand) -> dict[str, Any]:
    """The newest session that is over, by Moonraker's endpoint."""

    async def last() -> dict[str, Any] | None:
        try:
            answer = await stand.moonraker.request(
                "GET", "/server/prusacam/multicam/status"
            )
        except EmulatorError as error:
            # Moonraker finds a new engine a moment after that is there.
            if "engine is not available" not in str(error):
                raise
            return None
        found: dict[str, Any] | None = answer["last"]
        return found

    found: dict[str, Any] = await stand.until(last, "the videos", PRINT_TIMEOUT_S)
    return found


async def phones_record(stand: Stand, *names: str) -> None:
    """Wait until each of these phones has begun."""

    async def all_do() -> bool:
        return all(stand.phones[name].shutter.is_due for name in names)

    await stand.until(all_do, "the phones to record", PRINT_TIMEOUT_S)


async def print_over(stand: Stand, state: str = "complete") -> None:
    async def is_over() -> bool:
        return stand.printer.state == state

    await stand.until(is_over, f"the print to be {state}", PRINT_TIMEOUT_S)


async def run_gcode(stand: Stand, script: str) -> None:
    await stand.moonraker.request("POST", "/printer/gcode/script", script=script)


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


async def frames_in(stand: Stand, video: str) -> int:
    ffmpeg = FFmpeg(await asyncio.to_thread(find_ffmpeg, None))
    return await ffmpeg.count_decoded(stand.data_path / "timelapse" / video)


async def test_print_is_recorded_by_all_and_its_videos_are_beside_the_timelapse(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("s")
    async with Stand(
        folder, speed=SPEED, multicam_options=SOON, phones=PHONES
    ) as stand:
        await stand.start_print(FILE, vase(LAYERS))
        await phones_record(stand, *PHONES)
        begun = {
            name: phone.shutter.first_frame_s() for name, phone in stand.phones.items()
        }
        await print_over(stand)
        session = await recorded(stand)

        assert (session["filename"], session["outcome"]) == (FILE, "complete")
        videos = {device["name"]: device["video"] for device in session["devices"]}
        assert set(videos) == {*PHONES, CAMERA}
        assert None not in videos.values(), session
        files = await stand.moonraker.request(
            "GET", "/server/files/list", root="timelapse"
        )
        listed = {file["path"] for file in files}
        assert listed >= {*videos.values(), session["sidecar"]}
        for video in videos.values():
            assert await frames_in(stand, video) > 0

        sidecar = await asyncio.to_thread(
            read_json, stand.data_path / "timelapse" / session["sidecar"]
        )
        assert sidecar["target"] == session["target"]
        for device in sidecar["devices"]:
            if device["name"] in begun:
                true_s = begun[device["name"]] - sidecar["target"]
                told_s, doubt_s = device["offset_s"], device["uncertainty_s"]
                # A device takes its first frame within one interval of the instant.
                assert told_s - doubt_s <= true_s <= told_s + doubt_s + 1 / PHONE_FPS
        # One file with two names: a card has no room for a copy.
        folder = stand.data_path / "prusacam" / "multicam" / CAMERA
        (kept,) = await asyncio.to_thread(lambda: list(folder.glob("*.mp4")))
        assert kept.samefile(stand.data_path / "timelapse" / videos[CAMERA])
        for name, phone in stand.phones.items():
            assert phone.complaints == [], name


async def test_engine_killed_in_the_print_then_every_phone_is_stopped_and_collected(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("s")
    async with Stand(
        folder, speed=SPEED, multicam_options=SOON, phones=PHONES
    ) as stand:
        await stand.start_print(FILE, vase(LAYERS))
        await phones_record(stand, *PHONES)
        await stand.engine.kill()
        await stand.start_engine()
        await print_over(stand)
        session = await recorded(stand)

        videos = {device["name"]: device["video"] for device in session["devices"]}
        assert {name for name in videos if videos[name]} >= set(PHONES), session
        assert not any(phone.shutter.is_armed for phone in stand.phones.values())


async def test_phone_gone_and_phone_that_lies_then_the_others_and_the_print_go_on(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("s")
    options = SOON + "collect_timeout: 10\n"
    stand = Stand(folder, speed=SPEED, multicam_options=options, phones=PHONES)
    stand.phones["published"].faults.append(Fault(FaultKind.ONLY_SAYS_SO))
    async with stand:
        await stand.start_print(FILE, vase(LAYERS))
        await phones_record(stand, "android", "iphone")
        await stand.phones["android"].aclose()
        await print_over(stand)
        session = await recorded(stand)

        by_name = {device["name"]: device for device in session["devices"]}
        assert by_name["iphone"]["video"]
        assert by_name[CAMERA]["video"]
        for name in ("android", "published"):
            assert by_name[name]["video"] is None
            assert by_name[name]["reason"]


async def test_macros_without_a_print_then_they_begin_and_end_a_recording(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("s")
    async with Stand(
        folder, speed=SPEED, multicam_options=BY_HAND, phones=("android",)
    ) as stand:
        await stand.until(stand._is_klippy_ready, "Klippy to be ready")
        await run_gcode(stand, "PRUSACAM_MULTICAM_START DELAY=0.5")
        await phones_record(stand, "android")
        await run_gcode(stand, "PRUSACAM_MULTICAM_STOP")
        session = await recorded(stand)

        assert session["manual"] is True
        assert session["target"] - session["created"] < 3  # not the option's 5 s
        assert [bool(device["video"]) for device in session["devices"]] == [True, True]


async def test_macro_in_the_first_line_when_the_print_is_over_then_so_is_the_recording(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("s")
    async with Stand(
        folder, speed=SPEED, multicam_options=BY_HAND, phones=("android",)
    ) as stand:
        file = f"PRUSACAM_MULTICAM_START DELAY=0.5\n{vase(LAYERS)}"
        await stand.start_print(FILE, file)
        await phones_record(stand, "android")
        await print_over(stand)
        session = await recorded(stand)

        assert (session["manual"], session["filename"]) == (False, FILE)
        assert session["outcome"] == "complete"
        assert not stand.phones["android"].shutter.is_armed
