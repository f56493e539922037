# Tests in a real browser.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see in Chromium: live pictures, placeholders, and live pictures again."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import CameraConfig, Config, EngineConfig, loads
from moonraker_prusacam.emulator.camera import SyntheticCamera
from moonraker_prusacam.web.placeholder import SIZE
from tests.support.browser import Browser, find_chromium

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.browser import Page

CHROMIUM = find_chromium()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
]

STALE_S = 1.0
# How much later than due a loaded machine may show it.
PATIENCE_S = 3.0
WIDTH, HEIGHT = 320, 180
PLACEHOLDER_WIDTH = SIZE[0]
PICTURE = "document.querySelector('img')"
MULTICAM = """
[engine]
data_path: {folder}
port: 0
[camera bed]
source: test:
[multicam]
discover: False
[multicam_camera bed]
port: 0
"""
# One number of what the image shows now; the canvas refuses pixels without CORS.
PIXELS = """
(() => {
  const image = document.querySelector("img");
  const canvas = document.createElement("canvas");
  canvas.width = 64;
  canvas.height = 36;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, 64, 36);
  let sum = 1;
  for (const value of context.getImageData(0, 0, 64, 36).data)
    sum = (sum * 31 + value) % 1000003;
  return sum;
})()
"""


@asynccontextmanager
async def engine_with(
    folder: Path, *names: str, port: int = 0, on_demand: bool = False, **turned: Any
) -> AsyncIterator[tuple[Engine, list[SyntheticCamera]]]:
    feeds = [SyntheticCamera(width=WIDTH, height=HEIGHT, fps=15) for _ in names]
    try:
        for feed in feeds:
            await feed.start()
        cameras = tuple(
            CameraConfig(
                name=name,
                source=f"tcp://127.0.0.1:{feed.port}",
                stale_after_s=STALE_S,
                webcam_url="/",
                on_demand=on_demand,
                grace_s=1.0,
                **turned,
            )
            for name, feed in zip(names, feeds, strict=True)
        )
        config = Config(EngineConfig(data_path=folder, port=port), cameras)
        async with Engine(config) as engine:
            yield engine, feeds
    finally:
        for feed in feeds:
            await feed.aclose()


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Browser]:
    assert CHROMIUM is not None
    async with Browser(CHROMIUM, folder / "profile") as browser:
        yield browser


def leave(feed: SyntheticCamera) -> None:
    """Go away as a host that is switched off."""
    feed.pause_accepting()
    feed.drop_client()


async def is_moving(page: Page) -> None:
    """Wait until the picture has changed twice."""
    for _ in range(2):
        before = await page.evaluate(PIXELS)
        await page.until(f"{PIXELS} !== {before}")


async def test_image_when_the_camera_goes_and_comes_back_then_one_stream_shows_it_all(
    tmp_path: Path,
) -> None:
    async with (
        engine_with(tmp_path, "bed") as (engine, (feed,)),
        browsing(tmp_path) as browser,
    ):
        port = engine.web.port
        url = f"http://127.0.0.1:{port}/stream.mjpg?placeholder=1"
        # A page of another origin, as Mainsail's may be.
        page = await browser.open(f"http://localhost:{port}/status.json")
        await page.until("document.readyState === 'complete'")
        await page.evaluate(
            f"document.body.innerHTML = '<img crossorigin=anonymous src={url}>'"
        )
        await page.until(f"{PICTURE}.naturalWidth === {WIDTH}")
        assert await page.evaluate(f"{PICTURE}.naturalHeight") == HEIGHT
        await is_moving(page)
        leave(feed)
        left = time.monotonic()
        await page.until(f"{PICTURE}.naturalWidth === {PLACEHOLDER_WIDTH}")
        assert time.monotonic() - left < STALE_S + PATIENCE_S
        words = await page.evaluate(PIXELS)
        (tmp_path / "placeholder.png").write_bytes(await page.screenshot())
        feed.pause_accepting(False)
        await page.until(f"{PICTURE}.naturalWidth === {WIDTH}")
        assert await page.evaluate(PIXELS) != words
        await is_moving(page)
        # Frozen is not gone: connected, but nothing comes.
        feed.freeze()
        await page.until(f"{PICTURE}.naturalWidth === {PLACEHOLDER_WIDTH}")
        feed.freeze(False)
        await page.until(f"{PICTURE}.naturalWidth === {WIDTH}")
        await is_moving(page)
        assert engine.pump.stats.opened == 1
        assert engine.pump.stats.viewers == 1


async def test_page_when_opened_then_all_cameras_are_shown_and_what_is_wrong(
    tmp_path: Path,
) -> None:
    async with (
        engine_with(tmp_path, "bed", "nozzle") as (engine, feeds),
        browsing(tmp_path) as browser,
    ):
        leave(feeds[1])
        page = await browser.open(f"http://127.0.0.1:{engine.web.port}/")
        widths = "[...document.images].map((image) => image.naturalWidth).join()"
        await page.until(f"{widths} === '{WIDTH},{PLACEHOLDER_WIDTH}'")
        await is_moving(page)
        captions = (
            "[...document.querySelectorAll('figcaption')].map((c) => c.innerText)"
        )
        await page.until(f"{captions}[0].includes('frames/s')")
        bed, nozzle = await page.evaluate(captions)
        assert bed.startswith("bed")
        assert str(WIDTH) in bed
        assert "failed: nothing listens at 127.0.0.1" in nozzle
        assert "is the camera's feed running?" in nozzle
        assert bed.count("\n") < nozzle.count("\n")
        (tmp_path / "page.png").write_bytes(await page.screenshot())
        feeds[1].pause_accepting(False)
        await page.until(f"{widths} === '{WIDTH},{WIDTH}'")
        await page.until(f"{captions}[1].includes('frames/s')")
        (tmp_path / "page-live.png").write_bytes(await page.screenshot())
        assert engine.pump.stats.opened == 2


@pytest.mark.parametrize(
    ("turned", "matrix"),
    [
        ({}, [1, 0, 0, 1]),
        ({"rotation": 180}, [-1, 0, 0, -1]),
        # What is on the right comes to the bottom, and stays there.
        ({"rotation": 90, "flip_horizontal": True}, [0, 1, 1, 0]),
        ({"rotation": 270, "flip_vertical": True}, [0, 1, 1, 0]),
    ],
    ids=str,
)
async def test_page_when_a_camera_is_turned_then_it_shows_it_as_mainsail_does(
    tmp_path: Path, turned: dict[str, Any], matrix: list[int]
) -> None:
    async with (
        engine_with(tmp_path, "bed", **turned) as (engine, (feed,)),
        browsing(tmp_path) as browser,
    ):
        page = await browser.open(f"http://127.0.0.1:{engine.web.port}/")
        await page.until("document.images.length")
        await page.until(f"{PICTURE}.naturalWidth === {WIDTH}")
        transform = f"new DOMMatrix(getComputedStyle({PICTURE}).transform)"
        parts = f"(({{a, b, c, d}}) => [a, b, c, d])({transform}).map(Math.round)"
        await page.until(f"{parts}.join() === '{','.join(map(str, matrix))}'")
        # The whole picture is seen, and nothing beside it.
        edges = "({left, top, right, bottom}) => [left, top, right, bottom]"
        box = "getBoundingClientRect()"
        boxes = f"[{PICTURE}.{box}, {PICTURE}.parentNode.{box}].map({edges})"
        apart = f"(([a, b]) => a.map((v, i) => Math.abs(v - b[i])))({boxes})"
        await page.until(f"Math.max(...{apart}) < 1")
        (tmp_path / "turned.png").write_bytes(await page.screenshot())
        leave(feed)
        natural = f"{PICTURE}.naturalWidth + 'x' + {PICTURE}.naturalHeight"
        size = SIZE if matrix[0] else SIZE[::-1]
        await page.until(f"{natural} === '{size[0]}x{size[1]}'")
        await page.until(f"Math.max(...{apart}) < 1")
        (tmp_path / "words.png").write_bytes(await page.screenshot())


async def test_page_when_its_stream_is_ended_then_the_picture_does_not_pretend(
    tmp_path: Path,
) -> None:
    async with (
        engine_with(tmp_path, "bed", "nozzle") as (engine, _),
        browsing(tmp_path) as browser,
    ):
        page = await browser.open(f"http://127.0.0.1:{engine.web.port}/")
        await page.until(f"{PICTURE}?.naturalWidth === {WIDTH}")
        await page.until("document.querySelectorAll('figure.live').length === 2")
        sent = "navigator.sendBeacon('/cameras/bed/stop', 'bye')"
        assert await page.evaluate(sent) is True
        await page.until("document.querySelectorAll('figure.ended').length === 1")
        assert "was ended" in await page.evaluate(
            "document.querySelector('figure.ended figcaption').innerText"
        )
        (tmp_path / "page-ended.png").write_bytes(await page.screenshot())
        assert await page.evaluate("document.querySelectorAll('.live').length") == 1
        assert engine.pump.stats.viewers == 1


async def test_page_when_a_camera_is_idle_then_it_wakes_and_sleeps_again_afterwards(
    tmp_path: Path,
) -> None:
    async with (
        engine_with(tmp_path, "bed", on_demand=True) as (engine, (feed,)),
        browsing(tmp_path) as browser,
    ):
        url = f"http://127.0.0.1:{engine.web.port}"
        page = await browser.open(f"{url}/status.json")
        await page.until("document.body.innerText.includes('nobody watches')")
        seen = [feed.connected]
        placeholder = "fetch('/snapshot.jpg?placeholder=1').then((answer) => answer"
        state = f"{placeholder}.headers.get('X-Prusacam-Placeholder'))"
        # The question wakes the camera, so the answer may be a moment further.
        assert await page.evaluate(state) in ("idle", "connecting")
        page = await browser.open(f"{url}/")
        await page.until(f"{PICTURE}?.naturalWidth === {WIDTH}")
        await is_moving(page)
        seen.append(feed.connected)
        assert seen == [False, True]
        await page.call("Page.navigate", {"url": "about:blank"})
        async with asyncio.timeout(PATIENCE_S + 10):
            while feed.connected:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_page_when_the_engine_restarts_then_its_views_come_back(
    tmp_path: Path,
) -> None:
    async with browsing(tmp_path) as browser:
        async with engine_with(tmp_path, "bed") as (engine, _):
            port = engine.web.port
            page = await browser.open(f"http://127.0.0.1:{port}/")
            await page.until(f"{PICTURE}?.naturalWidth === {WIDTH}")
        await page.until("document.body.innerText.includes('does not answer')")
        async with engine_with(tmp_path, "bed", port=port) as (engine, _):
            async with asyncio.timeout(10):
                await page.until("document.body.innerText.includes('frames/s')")
            await is_moving(page)
            assert engine.pump.stats.opened == 1


async def test_page_when_several_devices_record_then_it_says_so(tmp_path: Path) -> None:
    made = loads(MULTICAM.format(folder=tmp_path))
    async with Engine(made) as engine, browsing(tmp_path) as browser:
        (service,) = engine.multicam.devices
        await service.ready.wait()
        page = await browser.open(f"http://127.0.0.1:{engine.web.port}/")
        await page.until("document.querySelector('figure.live') !== null")
        assert "MultiCam" not in await page.evaluate("document.body.innerText")
        assert service.device is not None
        await service.device.record(0.0)
        await engine.multicam.required().start_recording()
        await page.until("document.body.innerText.includes(', is recorded')")
        words = "MultiCam records with 1 device"
        await page.until(f"document.body.innerText.includes('{words}')")
