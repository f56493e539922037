# What is made of a print that several devices recorded, in a real browser.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the print to videos that Chromium plays: all angles, and our camera alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from moonraker_prusacam.emulator.gcode_file import vase
from moonraker_prusacam.emulator.stand import CAMERA, Stand
from moonraker_prusacam.mp4 import read_times
from moonraker_prusacam.sidecar import read_sidecar
from tests.support.browser import Browser, find_chromium

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = find_chromium()
pytestmark = [
    pytest.mark.moonraker,
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
]

SPEED = 6.0
TIMEOUT_S = 120.0
FILE = 'it\'s a 100% "vase".gcode'
OPTIONS = "delay: 0.5\nvideo: side_by_side\n"
PLAYING = """
(() => {
  const video = document.querySelector("video");
  return video && video.readyState >= 2 && video.currentTime > 0.5 && !video.error;
})()
"""


async def rendered(stand: Stand) -> dict[str, Any]:
    """The session whose videos are all made."""

    async def look() -> dict[str, Any] | None:
        answer = await stand.moonraker.request(
            "GET", "/server/prusacam/multicam/status"
        )
        last: dict[str, Any] | None = answer["last"]
        works = (
            [] if last is None else [device["encoding"] for device in last["devices"]]
        )
        works += [] if last is None else [last["video"]]
        states = {work["state"] for work in works if work}
        return last if states and states <= {"done", "failed"} else None

    found: dict[str, Any] = await stand.until(look, "the videos", TIMEOUT_S)
    return found


async def plays(folder: Path, videos: list[Path]) -> None:
    assert CHROMIUM is not None
    async with Browser(CHROMIUM, folder / "profile") as browser:
        for number, video in enumerate(videos):
            html = folder / f"{number}.html"
            source = f"file://{quote(str(video))}"
            page = f'<video muted autoplay loop src="{source}"></video>'
            await asyncio.to_thread(html.write_text, page)
            shown = await browser.open(f"file://{html}")
            assert await shown.until(PLAYING)


async def test_print_when_over_then_its_videos_are_played_by_a_browser(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What else this host does is not what the printer's host does.
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0.1, 0.1))
    folder = tmp_path_factory.mktemp("s")
    async with Stand(
        folder, speed=SPEED, multicam_options=OPTIONS, phones=("iphone", "android")
    ) as stand:
        await stand.start_print(FILE, vase(3))
        session = await rendered(stand)
        videos = stand.data_path / "timelapse"
        by_name = {device["name"]: device for device in session["devices"]}
        assert session["video"]["state"] == "done", session
        assert by_name[CAMERA]["encoding"]["state"] == "done", session
        assert by_name["iphone"]["encoding"] is None  # it is H.264 already

        ours = videos / by_name[CAMERA]["video"]
        assert (await asyncio.to_thread(read_times, ours)).codec == "avc1"
        together = videos / session["video"]["video"]
        told = (await asyncio.to_thread(read_sidecar, together))["multicam"]
        assert {angle["name"]: angle["aligned_by"] for angle in told["angles"]} == {
            CAMERA: "offset",
            "iphone": "offset",
            "android": "offset",
        }
        listed = await stand.call_engine("timelapse.videos")
        assert together.name in {video["video"] for video in listed["videos"]}
        assert together.with_suffix(".jpg").is_file()

        phone: Path = videos / by_name["iphone"]["video"]
        begin = (await asyncio.to_thread(phone.read_bytes))[:12]
        assert begin.endswith(b"ftypqt  ")  # as it came, with the name that UIs list
        await plays(folder, [together, ours, phone])

        async def has_preview() -> bool:
            return phone.with_suffix(".jpg").is_file()

        await stand.until(has_preview, "the preview", TIMEOUT_S)
