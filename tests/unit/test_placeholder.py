# Tests of the placeholder.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the drawn picture looks like, and when it is drawn."""

from __future__ import annotations

import asyncio
import io
import itertools
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import attrs
import pytest
from PIL import Image, ImageChops

from moonraker_prusacam.camera import Camera, CameraState, CameraStatus
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.errors import ClosedError
from moonraker_prusacam.orientation import Orientation
from moonraker_prusacam.web import placeholder
from moonraker_prusacam.web.placeholder import (
    BACKGROUND,
    SIZE,
    Placeholder,
    PlaceholderCache,
    draw,
)
from tests.support import jpeg
from tests.support.viewers import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REFUSED = CameraStatus(CameraState.FAILED, "nothing listens at 127.0.0.1:9000", 1e9)
FROZEN = CameraStatus(CameraState.STALLED, "no frame for 5 s", 1e9)
MARGIN_PX = 40


class StubCamera:
    """A camera that is in the state the test says."""

    name = "bed"
    config = CameraConfig("bed", source="tcp://127.0.0.1:9000")

    def __init__(self) -> None:
        self.status = REFUSED


class Drawings:
    """Counts what was drawn, and can hold the drawing thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.all: list[CameraStatus] = []
        self.go_on = threading.Event()
        self.go_on.set()
        monkeypatch.setattr(placeholder, "draw", self._draw)

    def _draw(
        self, _name: str, status: CameraStatus, _orientation: Orientation
    ) -> Placeholder:
        self.go_on.wait(WAIT_S)
        self.all.append(status)
        return Placeholder(str(status.state), status.reason.encode(), b"")


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> Drawings:
    return Drawings(monkeypatch)


class Drawn:
    """Told when a placeholder is ready."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self._changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.count < count:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def caching() -> AsyncIterator[tuple[PlaceholderCache, StubCamera, Drawn]]:
    camera, drawn = StubCamera(), Drawn()
    cache = PlaceholderCache(cast("Camera", camera), drawn)
    try:
        yield cache, camera, drawn
    finally:
        await cache.aclose()


def decoded(drawn: Placeholder) -> Image.Image:
    return Image.open(io.BytesIO(drawn.data))


def is_plain(image: Image.Image, box: tuple[int, int, int, int]) -> bool:
    """Whether a part of the picture shows the background only."""
    channels = cast("list[tuple[int, int]]", image.crop(box).getextrema())
    near = zip(channels, BACKGROUND, strict=True)
    return all(abs(edge - level) < 16 for pair, level in near for edge in pair)


def test_draw_when_a_camera_failed_then_a_jpeg_says_so_in_its_part_header() -> None:
    drawn = draw("bed", REFUSED)
    assert drawn.state == "failed"
    image = decoded(drawn)
    assert (image.format, image.size) == ("JPEG", SIZE)
    assert not is_plain(image, (60, 200, 1000, 300))
    assert drawn.part_header == (
        b"Content-Type: image/jpeg\r\n"
        b"Content-Length: %d\r\n"
        b"X-Prusacam-Placeholder: failed\r\n\r\n"
    ) % len(drawn.data)
    assert jpeg.SOI not in drawn.data[2:]
    assert drawn.data.find(jpeg.EOI) == len(drawn.data) - 2


@pytest.mark.parametrize(
    "orientation",
    [
        Orientation(*which)
        for which in itertools.product((False, True), (False, True), (0, 90, 180, 270))
    ],
    ids=str,
)
def test_draw_when_viewers_turn_the_camera_then_its_words_are_upright(
    orientation: Orientation,
) -> None:
    upright = decoded(draw("bed", REFUSED))
    shown = orientation.seen(decoded(draw("bed", REFUSED, orientation)))
    assert shown.size == upright.size
    difference = ImageChops.difference(shown, upright).convert("L")
    assert difference.point(lambda level: level >= 64).getbbox() is None


@pytest.mark.parametrize(
    "other",
    [
        attrs.evolve(REFUSED, reason="another reason"),
        attrs.evolve(REFUSED, since=2e9),
        attrs.evolve(REFUSED, state=CameraState.CONNECTING),
        attrs.evolve(REFUSED, state=CameraState.IDLE),
        attrs.evolve(REFUSED, advice="is the camera's feed running?"),
    ],
)
def test_draw_when_the_trouble_is_another_then_the_picture_is(
    other: CameraStatus,
) -> None:
    assert draw("bed", REFUSED).data != draw("bed", other).data
    assert draw("bed", REFUSED).data != draw("nozzle", REFUSED).data
    assert draw("bed", REFUSED).data == draw("bed", REFUSED).data


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a camera with a name as long as it may be " + "c" * 21, "reason"),
        ("c" * 64, "r" * 500),
        ("bed", "many words " * 60),
        ("bed", ""),
        ("bed", "häßlich \u6f22\u5b57 \U0001f4f7 \x00 \n\r\t \u202e"),
    ],
)
def test_draw_when_texts_are_long_or_odd_then_they_stay_inside(
    name: str, reason: str
) -> None:
    status = attrs.evolve(REFUSED, reason=reason, advice=reason * 2)
    image = decoded(draw(name, status))
    width, height = SIZE
    assert is_plain(image, (width - MARGIN_PX, 0, width, height))
    assert is_plain(image, (MARGIN_PX, height - MARGIN_PX, width, height))
    assert is_plain(image, (MARGIN_PX, 0, width, MARGIN_PX))


async def test_get_when_nothing_is_drawn_yet_then_it_is_none_and_told_later(
    drawings: Drawings,
) -> None:
    async with caching() as (cache, _, drawn):
        assert cache.get() is None
        await drawn.until(1)
        got = cache.get()
        assert got is not None
        assert got.state == "failed"
        assert cache.get() is await cache.wait() is got
        assert drawings.all == [REFUSED]


async def test_get_when_the_trouble_is_another_then_the_old_words_are_not_shown(
    drawings: Drawings,
) -> None:
    async with caching() as (cache, camera, drawn):
        await cache.wait()
        camera.status = FROZEN
        assert cache.get() is None
        await drawn.until(2)
        got = cache.get()
        assert got is not None
        assert got.state == "stalled"


async def test_get_when_asked_often_then_it_is_drawn_once(drawings: Drawings) -> None:
    drawings.go_on.clear()
    async with caching() as (cache, _, drawn):
        waiters = [asyncio.create_task(cache.wait()) for _ in range(10)]
        for _ in range(10):
            assert cache.get() is None
            await asyncio.sleep(0)
        drawings.go_on.set()
        assert len(set(map(id, await asyncio.gather(*waiters)))) == 1
        assert drawings.all == [REFUSED]
        assert drawn.count == 1


async def test_get_when_the_trouble_changes_in_a_drawing_then_it_is_drawn_at_once(
    drawings: Drawings,
) -> None:
    """The viewers' next look comes from within ``on_drawn``."""
    drawings.go_on.clear()
    camera = StubCamera()
    looked: list[Placeholder | None] = []
    told = asyncio.Event()

    def look() -> None:
        looked.append(cache.get())
        if looked[-1] is not None:
            told.set()

    cache = PlaceholderCache(cast("Camera", camera), look)
    try:
        assert cache.get() is None
        camera.status = FROZEN
        drawings.go_on.set()
        async with asyncio.timeout(WAIT_S):
            await told.wait()
    finally:
        await cache.aclose()
    assert [drawn and drawn.state for drawn in looked] == [None, "stalled"]


async def test_wait_when_the_camera_gets_live_meanwhile_then_it_is_no_live_placeholder(
    drawings: Drawings,
) -> None:
    async with caching() as (cache, camera, _):
        waiter = asyncio.create_task(cache.wait())
        await asyncio.sleep(0)
        camera.status = CameraStatus(CameraState.LIVE, "frames arrive", 1e9)
        assert (await waiter).state == "failed"


async def test_wait_when_one_waiter_leaves_then_the_others_get_it(
    drawings: Drawings,
) -> None:
    drawings.go_on.clear()
    async with caching() as (cache, _, _):
        gone, stays = (asyncio.create_task(cache.wait()) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        drawings.go_on.set()
        assert (await stays).state == "failed"
        assert gone.cancelled()


async def test_wait_when_drawing_failed_then_the_next_one_tries_again(
    drawings: Drawings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(name: str, status: CameraStatus, orientation: Orientation) -> Placeholder:
        raise OSError("no font")

    async with caching() as (cache, _, _):
        with monkeypatch.context() as patch:
            patch.setattr(placeholder, "draw", fail)
            with pytest.raises(OSError, match="no font"):
                await cache.wait()
        assert (await cache.wait()).state == "failed"
    assert "placeholder:bed:draw" in caplog.text


async def test_aclose_when_a_drawing_is_under_way_then_it_is_not_told(
    drawings: Drawings,
) -> None:
    drawings.go_on.clear()
    async with caching() as (cache, _, drawn):
        assert cache.get() is None
        await asyncio.sleep(0)
        await cache.aclose()
        drawings.go_on.set()
        await cache.aclose()
        assert drawn.count == 0
        with pytest.raises(ClosedError):
            cache.get()
