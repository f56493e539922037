# Tests of cameras through real Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real engine behind our component in real Moonraker; cameras that come and go.

Video does not pass through Moonraker, everything about it does.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.app import Engine
from moonraker_prusacam.camera import demand, examination
from moonraker_prusacam.config import loads
from moonraker_prusacam.emulator.moonraker import MoonrakerProcess, link_component
from tests.support.feeder import Feeder, feeding
from tests.support.jpeg import picture
from tests.support.moonraker_client import MoonrakerClient
from tests.support.sources import closed_port
from tests.support.viewers import WAIT_S, HttpClient, StrictParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.moonraker

ROOT = "/server/prusacam"
JPEG = picture(64, 48)
CONFIG = """
[engine]
data_path: {folder}
port: 0
[camera front]
source: {url}
on_demand: True
grace: 1
[camera side]
source: tcp://127.0.0.1:{closed}
"""


class Site:
    """An engine, Moonraker, and a user interface."""

    def __init__(self, engine: Engine, ui: MoonrakerClient) -> None:
        self.engine = engine
        self.ui = ui

    async def get(self, path: str) -> Any:
        return await self.ui.get(f"{ROOT}/{path}")

    async def beacon(self, path: str) -> Any:
        """What navigator.sendBeacon does, but for the answer."""
        kind = {"Content-Type": "text/plain;charset=UTF-8"}
        answer = await self.ui.ask("POST", f"{ROOT}/{path}", data="bye", headers=kind)
        assert answer.status == 200
        return json.loads(answer.body)["result"]

    async def camera(self, name: str) -> dict[str, Any]:
        listed = (await self.get("cameras"))["cameras"]
        return next(camera for camera in listed if camera["name"] == name)

    async def webcams(self) -> list[dict[str, Any]]:
        answer = await self.ui.get("/server/webcams/list")
        return list(answer["webcams"])

    def states(self, name: str) -> list[str]:
        events = self.ui.received("notify_prusacam_camera")
        return [event["state"] for event in events if event["camera"] == name]


@asynccontextmanager
async def running(folder: Path, url: str) -> AsyncIterator[Site]:
    data_path = folder / "data"
    text = CONFIG.format(folder=data_path, url=url, closed=closed_port())
    async with (
        MoonrakerProcess(
            data_path,
            folder / "klippy.sock",
            config="[prusacam]\n",
            extra_components=link_component(folder / "components"),
        ) as moonraker,
        MoonrakerClient(moonraker.url) as ui,
    ):
        async with Engine(loads(text)) as engine:
            await ui.wait_for("notify_webcams_changed")
            yield Site(engine, ui)
        assert "components/prusacam/" not in moonraker.log_text


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "MEASURE_S", 0.2)
    monkeypatch.setattr(demand, "LOOK_S", 0.05)


async def test_stream_and_stop_when_asked_through_moonraker_then_as_at_the_engine(
    tmp_path: Path,
) -> None:
    async with feeding(JPEG) as feed, running(tmp_path, feed.url) as site:
        told = await site.get("camera/stream?camera=front&fps=99&viewer=wall")
        base = f"http://127.0.0.1:{site.engine.web.port}"
        assert told == {
            "camera": "front",
            "stream_url": f"{base}/cameras/front/stream?fps=30&viewer=wall",
            "fps": 30,
        }
        stop = "camera/stop?camera=front&viewer=wall"
        asked = {"camera": "front"}
        ways: tuple[Callable[[], Awaitable[Any]], ...] = (
            lambda: site.get(stop),
            lambda: site.beacon(stop),
            lambda: site.ui.post(f"{ROOT}/camera/stop", asked),
        )
        for ask in ways:
            async with HttpClient("127.0.0.1", site.engine.web.port) as viewer:
                head = await viewer.ask(told["stream_url"].removeprefix(base))
                parser = StrictParser(head.content_type)
                assert JPEG in await viewer.read_frames(parser, 1)
                assert (await site.camera("front"))["viewers"] == 1
                assert await ask() == {"stopped": 1}
                async with asyncio.timeout(WAIT_S):
                    await viewer.read_to_end()
        assert await site.get("camera/stop") == {"stopped": 0}
        assert len(feed.arrivals) == 1


async def test_errors_when_the_engine_refuses_then_moonraker_says_the_same(
    tmp_path: Path,
) -> None:
    async with Feeder() as feed, running(tmp_path, feed.url) as site:
        for path in ("camera/stream", "camera/stop", "camera/test", "snapshot"):
            answer = await site.ui.ask("GET", f"{ROOT}/{path}?camera=nozzle")
            assert answer.status == 404
            assert "no camera 'nozzle'; there is: front, side" in answer.text
        assert (await site.get("camera/test?camera=side"))["success"] is False
        for path in ("camera/stream", "snapshot"):
            answer = await site.ui.ask("GET", f"{ROOT}/{path}?camera=side")
            assert answer.status == 503
            assert "nothing listens at 127.0.0.1" in answer.text
        called = await site.ui.call("server.prusacam.camera.stream", camera="side")
        assert called["error"]["code"] == 503


async def test_test_when_it_takes_long_then_moonraker_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "TIMEOUT_S", 6.0)
    async with Feeder() as feed, running(tmp_path, feed.url) as site:
        begun = time.monotonic()
        told = await site.get("camera/test?camera=front")
        assert time.monotonic() - begun > 5
        states = [stage["status"] for stage in told["stages"]]
        assert states == ["ok", "ok", "failed", "skipped", "skipped"]
        assert "no whole frame" in told["error"]


async def test_camera_when_its_state_changes_then_clients_hear_it_and_webcams_stay(
    tmp_path: Path,
) -> None:
    async with feeding(JPEG) as feed, running(tmp_path, feed.url) as site:
        before, changes = (
            await site.webcams(),
            site.ui.received("notify_webcams_changed"),
        )
        assert [webcam["name"] for webcam in before] == ["front", "side"]
        front = await site.camera("front")
        assert (front["state"], front["source"]) == ("idle", feed.url)
        told = await site.get("camera/test")
        assert told["success"] is True
        assert [stage["name"] for stage in told["stages"]] == [
            "reachable",
            "authenticated",
            "first_frame",
            "resolution",
            "fps",
        ]
        await site.ui.wait_until(
            "notify_prusacam_camera",
            lambda event: event["camera"] == "front" and event["state"] == "idle",
        )
        assert site.states("front") == ["connecting", "live", "idle"]
        idle = site.ui.received("notify_prusacam_camera")[-1]
        assert idle["reason"].startswith("nobody watches")
        assert await site.webcams() == before
        assert site.ui.received("notify_webcams_changed") == changes
        side = await site.camera("side")
        assert side["connects"] >= 1
        assert side["advice"] == "is the camera's feed running?"
        assert site.states("side").count("failed") <= 1
