# Tests of viewers of a camera that runs on demand.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever looks wakes the camera, and it sleeps when the last one has left."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.camera import CameraState, demand
from moonraker_prusacam.errors import SourceUnavailable
from moonraker_prusacam.web import StreamPump, WebServer
from tests.support import jpeg
from tests.support.clock import DemandClock
from tests.support.scripted_camera import States, scripted
from tests.support.viewers import HttpClient, StrictParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.camera import Camera
    from tests.support.scripted_camera import ScriptedSource

GRACE_S = 0.2
AWAKE = [CameraState.IDLE, CameraState.CONNECTING, CameraState.LIVE]
PICTURE = jpeg.picture(64, 48)


class Site:
    """A web server with one camera, which runs on demand."""

    def __init__(
        self, camera: Camera, source: ScriptedSource, states: States, web: WebServer
    ) -> None:
        self.camera, self.source, self.states, self.web = camera, source, states, web

    def client(self) -> HttpClient:
        return HttpClient("127.0.0.1", self.web.port)


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    async with scripted(on_demand=True, grace_s=GRACE_S) as (of, source, states):
        web = WebServer("127.0.0.1", 0, [of], StreamPump(4), dict)
        await web.start()
        await states.until(CameraState.IDLE)
        try:
            yield Site(of, source, states, web)
        finally:
            await web.aclose()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demand, "LOOK_S", 0.01)


@pytest.mark.parametrize("target", ["/snapshot.jpg", "/snapshot.jpg?camera=bed"])
async def test_snapshot_when_the_camera_is_idle_then_it_waits_for_the_first_frame(
    target: str,
) -> None:
    async with serving() as site, site.client() as client:
        asking = asyncio.create_task(client.read_answer(target))
        await site.source.running(1)
        site.source.send(PICTURE)
        assert (await asking).body == PICTURE
        await site.states.until(*AWAKE, CameraState.IDLE)


async def test_snapshot_when_it_is_polled_then_the_camera_stays_awake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = DemandClock(monkeypatch)
    async with serving() as site, site.client() as client:
        site.camera.demand.touch()
        await site.source.running(1)
        for _ in range(8):
            site.source.send(PICTURE)
            assert (await client.read_answer("/snapshot.jpg")).status == 200
            clock.now_s += GRACE_S * 0.9
            await clock.looked()
        assert site.states.all == AWAKE
        assert site.source.runs == 1
        clock.now_s += GRACE_S
        await site.states.until(*AWAKE, CameraState.IDLE)


async def test_snapshot_when_the_idle_camera_fails_then_503_says_why() -> None:
    async with serving() as site, site.client() as client:
        asking = asyncio.create_task(client.read_answer("/snapshot.jpg"))
        await site.source.running(1)
        site.source.fail(SourceUnavailable("it is off", advice="switch it on"))
        answer = await asking
        assert answer.status == 503
        assert b"it is off: switch it on" in answer.body


async def test_snapshot_when_a_placeholder_is_wanted_then_nobody_waits() -> None:
    async with serving() as site, site.client() as client:
        answer = await client.read_answer("/snapshot.jpg?placeholder=1")
        assert answer.headers["X-Prusacam-Placeholder"] in ("idle", "connecting")
        await site.source.running(1)  # but it was woken


@pytest.mark.parametrize("target", ["/stream.mjpg", "/stream.mjpg?placeholder=1"])
async def test_stream_when_watched_then_the_camera_runs_until_the_viewer_leaves(
    target: str,
) -> None:
    async with serving() as site:
        async with site.client() as client:
            asking = asyncio.create_task(client.ask(target))
            await site.source.running(1)
            site.source.send(PICTURE)
            parser = StrictParser((await asking).content_type)
            while PICTURE not in await client.read_frames(parser, 1):
                pass
            await asyncio.sleep(2 * GRACE_S)  # it outlasts the grace period
            assert site.states.all == AWAKE
            assert site.camera.demand.consumers == 1
            site.source.send(jpeg.picture(64, 48, seed=1))
            await client.read_frames(parser, 1)
        async with asyncio.timeout(10):
            while site.camera.demand.consumers:
                # The pump notices with the next frame.
                site.source.send(PICTURE)
                await asyncio.sleep(0.02)
        await site.states.until(*AWAKE, CameraState.IDLE)
        assert site.source.runs == 1
