# Tests of what the control socket can do with cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole engine: streams, their end, tests, and what is told of cameras.

Whatever consumes frames, the camera has one client.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.app import Engine
from moonraker_prusacam.camera import examination
from moonraker_prusacam.config import loads
from moonraker_prusacam.control import connect
from moonraker_prusacam.errors import RpcError
from tests.support.control import Notes
from tests.support.feeder import Feeder, feeding
from tests.support.jpeg import picture
from tests.support.sources import LOOK_S, closed_port
from tests.support.viewers import WAIT_S, HttpClient, StrictParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from moonraker_prusacam.control import Peer

JPEG = picture(64, 48)
CONFIG = """
[engine]
data_path: {folder}
port: 0
[camera front]
source: {url}
[camera side cam]
source: tcp://127.0.0.1:{closed}
stale_after: 600
"""
ON_DEMAND = "on_demand: True\ngrace: 1\n"
TIMELAPSE = "[timelapse]\nenabled: no\n"
PATH = "/cameras/front/stream"


class Running:
    """An engine, a client of its control socket, and what that was notified of."""

    def __init__(self, engine: Engine, client: Peer, events: Notes) -> None:
        self.engine = engine
        self.client = client
        self.events = events

    async def call(self, method: str, **params: Any) -> Any:
        return await self.client.call(f"camera.{method}", params)

    async def refusal(self, method: str, **params: Any) -> RpcError:
        with pytest.raises(RpcError, match=r".") as caught:
            await self.call(method, **params)
        return caught.value

    def states(self, camera: str) -> list[str]:
        return [event["state"] for event in self.events if event["camera"] == camera]

    async def camera(self, name: str) -> Any:
        cameras = (await self.call("list"))["cameras"]
        return next(camera for camera in cameras if camera["name"] == name)

    async def until(self, condition: Callable[[], Awaitable[object]]) -> None:
        """Wait for what the engine tells when it is asked, and not by itself."""
        async with asyncio.timeout(WAIT_S):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)

    async def frames(self) -> int:
        """How many the timelapse of now has."""
        active = (await self.client.call("timelapse.status"))["active"]
        return int(active["frames"])

    @asynccontextmanager
    async def viewing(self, target: str) -> AsyncIterator[HttpClient]:
        async with HttpClient("127.0.0.1", self.engine.web.port) as client:
            head = await client.ask(target)
            assert head.status == 200
            parser = StrictParser(head.content_type)
            assert JPEG in await client.read_frames(parser, 1)
            yield client


@asynccontextmanager
async def running(folder: Path, url: str, more: str = "") -> AsyncIterator[Running]:
    text = CONFIG.format(folder=folder, url=url, closed=closed_port())
    head, first, rest = text.partition("[camera side cam]")
    if more.startswith("["):
        config = loads(text + more)
    else:
        config = loads(head + more + first + rest)
    events = Notes()

    async def hear(event: dict[str, Any]) -> None:
        events.note(event)

    handlers = {"camera.event": hear}
    async with (
        Engine(config) as engine,
        connect(config.engine.socket_path, handlers) as client,
    ):
        await client.call("engine.identify")
        yield Running(engine, client, events)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "MEASURE_S", 0.2)


async def test_consumers_when_there_are_many_then_the_camera_has_one_client(
    tmp_path: Path,
) -> None:
    async with (
        feeding(JPEG) as feed,
        running(tmp_path, feed.url, TIMELAPSE) as site,
        AsyncExitStack() as stack,
    ):
        await site.engine.cameras["front"].wait_newer(0, WAIT_S)
        port = site.engine.web.port
        await site.client.call("timelapse.start", {"TRIGGER": "macro"})
        for target in (PATH, "/stream.mjpg", "/printers/front/camera/stream") * 4:
            await stack.enter_async_context(site.viewing(target))

        async def snapshots() -> None:
            async with HttpClient("127.0.0.1", port) as client:
                for target in ("/snapshot.jpg", "/cameras/front/snapshot?max_age=0"):
                    assert (await client.read_answer(target)).status == 200
            await site.call("snapshot", camera="front")

        async def frame(layer: int) -> None:
            params = {"layer": layer, "monotonic_ns": time.monotonic_ns()}
            answer = await site.client.call("timelapse.frame", params)
            assert answer == {"accepted": True}

        async def examine() -> None:
            assert (await site.call("test", camera="front"))["success"] is True
            assert (await site.call("test"))["success"] is True

        await asyncio.gather(
            examine(), *(snapshots() for _ in range(5)), *map(frame, range(1, 6))
        )
        told = await site.camera("front")
        assert (told["viewers"], told["consumers"]) == (12, 13)  # and the recording
        assert told["connects"] == 1
        assert await site.call("stop", camera="front") == {"stopped": 12}
        await site.until(site.frames)
        assert (await site.call("test", camera="front"))["success"] is True
        assert len(feed.arrivals) == 1


async def test_stream_when_live_then_its_address_and_the_rate_that_it_will_have(
    tmp_path: Path,
) -> None:
    async with feeding(JPEG) as feed, running(tmp_path, feed.url) as site:

        async def side_has_failed() -> bool:
            return bool((await site.camera("side cam"))["state"] == "failed")

        await site.engine.cameras["front"].wait_newer(0, WAIT_S)
        base = f"http://127.0.0.1:{site.engine.web.port}"
        told = await site.call("stream")
        assert told == {
            "camera": "front",
            "stream_url": f"{base}/cameras/front/stream?fps=10",
            "fps": 10,
        }
        for asked, fps in ((0, 1), (12.5, 12.5), (31, 30)):
            told = await site.call("stream", camera="front", fps=asked, viewer="a &b")
            assert told["fps"] == fps
            assert told["stream_url"].endswith(f"?fps={fps:g}&viewer=a%20%26b")
        async with site.viewing(told["stream_url"].removeprefix(base)):
            (stream,) = (await site.camera("front"))["streams"]
            assert (stream["viewer"], stream["address"]) == ("a &b", "127.0.0.1")
            assert await site.call("stop", viewer="a &b") == {"stopped": 1}
        await site.until(side_has_failed)
        error = await site.refusal("stream", camera="side cam")
        assert error.http_status == 503
        assert "nothing listens at 127.0.0.1" in str(error)


@pytest.mark.parametrize("method", ["stream", "stop", "test"])
async def test_camera_when_parameters_are_wrong_then_404_or_400(
    tmp_path: Path, method: str
) -> None:
    async with Feeder() as feed, running(tmp_path, feed.url) as site:
        error = await site.refusal(method, camera="Front")
        assert error.http_status == 404
        assert str(error) == "no camera 'Front'; there is: front, side cam"
        wrong: list[dict[str, Any]] = [{"camera": 7}, {"camera": ""}, {"cmaera": "a"}]
        if method != "test":
            wrong += [{"viewer": ""}, {"viewer": "é"}, {"viewer": 1}]
        if method == "stream":
            wrong += [{"fps": "10"}, {"fps": True}, {"fps": float("1e300")}]
        for params in wrong:
            assert (await site.refusal(method, **params)).http_status == 400


async def test_stop_when_asked_on_the_socket_then_as_by_the_web(tmp_path: Path) -> None:
    async with feeding(JPEG) as feed, running(tmp_path, feed.url) as site:
        await site.engine.cameras["front"].wait_newer(0, WAIT_S)
        async with (
            site.viewing(f"{PATH}?viewer=wall") as ours,
            site.viewing(PATH) as other,
        ):
            assert await site.call("stop", viewer="wall") == {"stopped": 1}
            async with asyncio.timeout(WAIT_S):
                await ours.read_to_end()
            assert await other.read()
            assert await site.call("stop", camera="side cam") == {"stopped": 0}
            assert await site.call("stop", camera=None) == {"stopped": 1}
            await other.read_to_end()


async def test_test_when_a_camera_has_failed_then_why_and_what_helps(
    tmp_path: Path,
) -> None:
    async with Feeder() as feed, running(tmp_path, feed.url) as site:
        told = await site.call("test", camera="side cam")
        assert told["success"] is False
        assert "nothing listens at 127.0.0.1" in told["error"]
        assert told["advice"] == "is the camera's feed running?"
        states = [stage["status"] for stage in told["stages"]]
        assert states == ["failed", *["skipped"] * 4]


async def test_list_when_cameras_differ_then_source_attempt_and_consumers_are_told(
    tmp_path: Path,
) -> None:
    async with (
        feeding(JPEG) as feed,
        running(tmp_path, feed.url, ON_DEMAND) as site,
    ):
        front = await site.camera("front")
        assert (front["state"], front["attempt"], front["consumers"]) == (
            "idle",
            None,
            0,
        )
        assert front["reason"]
        assert front["source"] == feed.url
        assert (await site.call("test", camera="side cam"))["success"] is False
        side = await site.camera("side cam")
        assert side["attempt"]["is_over"] is True
        assert side["attempt"]["stages_ms"] == {}
        assert side["advice"] == "is the camera's feed running?"
        await site.call("snapshot", camera="front")
        attempt = (await site.camera("front"))["attempt"]
        assert list(attempt["stages_ms"]) == [
            "reachable",
            "authenticated",
            "first_frame",
        ]
        assert attempt["is_over"] is False
        answer = await site.client.call("engine.status")
        assert json.dumps(answer["cameras"]).count('"attempt"') == 2


async def test_event_when_an_on_demand_camera_rests_then_clients_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonraker_prusacam.camera.demand.LOOK_S", 0.05)
    monkeypatch.setattr("moonraker_prusacam.camera.camera.LAST_DELAY_S", 0.05)
    async with (
        feeding(JPEG) as feed,
        running(tmp_path, feed.url, ON_DEMAND) as site,
    ):
        before = await site.camera("front")
        assert (await site.call("test"))["success"] is True
        await site.events.until(lambda: site.states("front")[-1:] == ["idle"])
        assert site.states("front")[-3:] == ["connecting", "live", "idle"]
        idle = [event for event in site.events if event["camera"] == "front"][-1]
        assert idle == {
            "event": "state",
            "camera": "front",
            "state": "idle",
            "reason": "nobody watches; it begins when somebody does",
            "advice": "",
        }
        # What Moonraker's webcams are made of is the same in every state.
        after = await site.camera("front")
        for name in ("stream_url", "snapshot_url", "target_fps", "rotation"):
            assert before[name] == after[name]
        # In the meantime the other one has failed many times.

        async def has_tried() -> bool:
            return bool((await site.camera("side cam"))["connects"] > 3)

        await site.until(has_tried)
        assert site.states("side cam").count("failed") <= 1
        assert len(feed.arrivals) == 1
