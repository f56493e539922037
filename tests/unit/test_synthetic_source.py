# Tests of the camera that needs no hardware.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test card: each frame a whole JPEG, of which only what changed was encoded."""

from __future__ import annotations

import asyncio
import io
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops

from moonraker_prusacam.camera.sources.synthetic import SyntheticSource
from moonraker_prusacam.camera.synthetic.card import Card
from moonraker_prusacam.camera.synthetic.layout import Box, Layout
from moonraker_prusacam.camera.synthetic.mosaic import Mosaic, padded
from moonraker_prusacam.camera.synthetic.vase import CYCLE_S, LAYER_S, Vase
from tests.support.sources import Received, source_of
from tests.support.twins import TWINS

if TYPE_CHECKING:
    from moonraker_prusacam.camera import Scanner

NOON = 1_790_000_000.25
SIZES = [(1280, 720), (640, 480), (1366, 768), (480, 800), (100, 37), (16, 16)]


def opened(jpeg: bytes) -> Image.Image:
    with Image.open(io.BytesIO(jpeg)) as image:
        image.load()
        return image.convert("RGB")


def encoded(image: Image.Image, quality: int = 80) -> Image.Image:
    """What is left of ``image`` when it is encoded as a whole."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling="4:2:0")
    return opened(out.getvalue())


def difference(one: Image.Image, other: Image.Image) -> tuple[int, ...] | None:
    return ImageChops.difference(one, other).getbbox()


def noise(size: tuple[int, int], seed: int) -> Image.Image:
    octets = random.Random(seed).randbytes(size[0] * size[1] * 3)
    return Image.frombytes("RGB", size, octets)


# --- the mosaic


@pytest.mark.parametrize("quality", [1, 10, 80, 100])
@pytest.mark.parametrize("width", [16, 48, 272, 1280])
def test_mosaic_when_parts_change_then_it_is_as_if_encoded_as_a_whole(
    width: int, quality: int
) -> None:
    rng = random.Random(width)
    size = (width, 64)
    canvas = noise(size, 1)
    mosaic = Mosaic(canvas, size, quality)
    assert difference(opened(mosaic.jpeg()), encoded(canvas, quality)) is None
    for seed in range(6):
        left, right = sorted(rng.randrange(-20, width + 20) for _ in range(2))
        top, bottom = sorted(rng.randrange(-9, 80) for _ in range(2))
        part = noise((right - left + 1, bottom - top + 1), seed)
        canvas.paste(part, (left, top))
        mosaic.update(canvas, Box(left, top, right + 1, bottom + 1))
        assert difference(opened(mosaic.jpeg()), encoded(canvas, quality)) is None


@pytest.mark.parametrize("size", [(1, 1), (15, 17), (100, 37), (1366, 50)])
def test_mosaic_when_its_size_is_odd_then_it_changes_up_to_its_edges(
    size: tuple[int, int],
) -> None:
    canvas = noise(padded(size), 2)
    mosaic = Mosaic(noise(padded(size), 1), size, 80)
    mosaic.update(canvas, Box(0, 0, *size))
    shown = opened(mosaic.jpeg())
    assert shown.size == size
    # A decoder has less to go by at an edge, so the last colours may differ a little.
    inside = (0, 0, size[0] - 1, size[1] - 1)
    whole = encoded(canvas)
    assert difference(shown.crop(inside), whole.crop(inside)) is None
    assert difference(shown, encoded(noise(padded(size), 1)).crop((0, 0, *size)))


def test_mosaic_when_what_changes_is_outside_then_it_is_the_same() -> None:
    mosaic = Mosaic(noise((64, 64), 1), (64, 64), 80)
    before = mosaic.jpeg()
    mosaic.update(noise((64, 64), 2), Box(70, 0, 90, 10))
    mosaic.update(noise((64, 64), 2), Box(-9, -9, 0, 0))
    assert mosaic.jpeg() == before


# --- the card


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scanner", TWINS.values(), ids=TWINS)
def test_card_when_drawn_then_each_frame_is_a_whole_picture_of_its_size(
    scanner: type[Scanner], size: tuple[int, int]
) -> None:
    card = Card("n" * 64, size, 15, 80)
    scan = scanner()
    seen = set()
    for number in range(4):
        jpeg = card.draw(number, number * 10.0, NOON + number)
        (frame,) = scan.feed(jpeg)
        assert (frame.width, frame.height) == size
        assert opened(jpeg).size == size
        seen.add(jpeg)
    assert len(seen) == 4
    assert scan.stats.junk_bytes == 0


def test_card_when_time_passes_then_the_picture_is_as_if_drawn_at_once() -> None:
    moments = [0.0, 0.3, LAYER_S - 0.01, LAYER_S, 7.77, 33.3, CYCLE_S - 0.1]
    moments += [CYCLE_S + 0.1, CYCLE_S + 40, 3 * CYCLE_S + 5]
    used = Card("bed", (1280, 720), 15, 80)
    for number, passed_s in enumerate(moments):
        jpeg = used.draw(number, passed_s, NOON + passed_s)
        fresh = Card("bed", (1280, 720), 15, 80)
        assert jpeg == fresh.draw(number, passed_s, NOON + passed_s), passed_s


def test_card_when_a_moment_passes_then_clock_number_and_printer_move() -> None:
    card = Card("bed", (1280, 720), 15, 80)
    first = opened(card.draw(0, 0.0, NOON))
    second = opened(card.draw(1, 0.2, NOON + 0.1))
    layout = Layout((1280, 720))
    clock = layout.box(56, 404, 700, 520)
    number = layout.box(156, 524, 400, 570)
    scene = layout.box(800, 372, 1232, 664)
    for place in (clock, number, scene):
        assert difference(first.crop(place), second.crop(place)) is not None
    bars, words = layout.box(0, 0, 1280, 320), layout.box(0, 592, 780, 720)
    for place in (bars, words):
        assert difference(first.crop(place), second.crop(place)) is None


def test_vase_when_a_moment_passes_then_little_of_the_picture_is_new() -> None:
    canvas = Image.new("RGB", (1280, 720))
    vase = Vase(Layout((1280, 720)))
    vase.show(canvas, 10.0)
    left, top, right, bottom = vase.show(canvas, 10.1)
    assert (right - left) * (bottom - top) < 0.04 * 1280 * 720


# --- the source


def test_open_source_when_it_is_a_test_then_it_is_drawn() -> None:
    assert isinstance(source_of("test:"), SyntheticSource)


@pytest.mark.parametrize(
    ("options", "size"),
    [({}, (1280, 720)), ({"resolution": (640, 360), "fps": 60}, (640, 360))],
)
async def test_run_when_it_runs_then_new_frames_come(
    options: dict[str, Any], size: tuple[int, int]
) -> None:
    received = Received()
    task = asyncio.create_task(source_of("test:", **options).run(received))
    await received.frames(1)
    first = received.newest
    await received.frames(2)
    assert first is not None
    assert received.newest is not None
    assert (first.width, first.height) == size
    assert bytes(first) != bytes(received.newest)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("quality", [10, 95])
async def test_run_when_a_quality_is_configured_then_it_is_used(quality: int) -> None:
    received = Received()
    of = source_of("test:", quality=quality, resolution=(320, 240))
    task = asyncio.create_task(of.run(received))
    await received.frames(1)
    task.cancel()
    assert received.newest is not None
    assert (len(bytes(received.newest)) < 6000) == (quality == 10)
    await asyncio.wait([task])


async def test_run_when_drawing_is_slow_then_frames_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[tuple[int, float]] = []
    draw = Card.draw

    def slow(self: Card, number: int, passed_s: float, now: float) -> bytes:
        drawn.append((number, time.monotonic()))
        time.sleep(0.03)
        return draw(self, number, passed_s, now)

    monkeypatch.setattr(Card, "draw", slow)
    received = Received()
    of = source_of("test:", fps=100, resolution=(64, 48))
    task = asyncio.create_task(of.run(received))
    await received.frames(8)
    task.cancel()
    await asyncio.wait([task])
    (first, begin_s), *rest = drawn
    assert first == 0
    for (before, _), (number, at_s) in zip(drawn, rest, strict=False):
        assert number - before >= 3
        # None is drawn before its time, and none that is long over.
        assert at_s - begin_s >= (number - 1) / 100 - 0.02
