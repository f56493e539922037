# Tests of the synthetic camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The feed over real sockets, its faults, and what is in its pictures."""

from __future__ import annotations

import asyncio
import io
import math
import socket
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops

from moonraker_prusacam.emulator.camera import (
    SEND_BUFFER_BYTES,
    FrameTag,
    LoopingPrint,
    SyntheticCamera,
    add_tag,
    read_tag,
)
from moonraker_prusacam.emulator.scene import Pose, Scene, picture, vase_outline
from moonraker_prusacam.errors import ClosedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_S = 10.0
SILENCE_S = 0.2
SMALL: dict[str, Any] = {"width": 320, "height": 180, "fps": 200.0}
WALL = "2026-11-21T07:31:00.123Z"
CYAN_LIGHTS_MM = 10.0


class FakePrinter:
    def __init__(self) -> None:
        self.position = (125.0, 105.0, 5.0)
        self.layer: int | None = 3
        self.total_layers: int | None = 10

    def live_position(self) -> tuple[float, float, float]:
        return self.position


class Client:
    """Reads frames by the length that their tag tells."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    async def read_frame(self) -> tuple[FrameTag, bytes]:
        async with asyncio.timeout(WAIT_S):
            head = await self.reader.readexactly(200)
            tag = read_tag(head)
            assert tag is not None
            return tag, head + await self.reader.readexactly(tag.size_bytes - 200)

    async def is_silent(self) -> bool:
        try:
            async with asyncio.timeout(SILENCE_S):
                await self.reader.read(1)
        except TimeoutError:
            return True
        return False

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


@asynccontextmanager
async def connected(camera: SyntheticCamera) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection(camera.host, camera.port))
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def running(
    printer: FakePrinter | None = None, **options: Any
) -> AsyncIterator[SyntheticCamera]:
    camera = SyntheticCamera(printer or FakePrinter(), **(SMALL | options))
    await camera.start()
    try:
        yield camera
    finally:
        await camera.aclose()


async def test_feed_when_a_client_reads_then_whole_tagged_jpegs_come() -> None:
    printer = FakePrinter()
    before_ns = time.monotonic_ns()
    async with running(printer) as camera, connected(camera) as client:
        frames = [await client.read_frame() for _ in range(6)]
    assert [tag.seq for tag, _ in frames] == [1, 2, 3, 4, 5, 6]
    times_ns = [tag.t_ns for tag, _ in frames]
    assert before_ns < times_ns[0]
    assert times_ns == sorted(times_ns)
    assert times_ns[-1] < time.monotonic_ns()
    for tag, jpeg in frames:
        assert tag.layer == 3
        assert jpeg.startswith(b"\xff\xd8\xff")
        assert jpeg.endswith(b"\xff\xd9")
        with Image.open(io.BytesIO(jpeg)) as image:
            image.load()
            assert (image.format, image.size) == ("JPEG", (320, 180))
            assert image.info["comment"].startswith(b"prusacam-test seq=")


async def test_feed_when_the_layer_changes_then_the_tag_follows() -> None:
    printer = FakePrinter()
    async with running(printer) as camera, connected(camera) as client:
        await client.read_frame()
        printer.layer = None
        async with asyncio.timeout(WAIT_S):
            while (await client.read_frame())[0].layer is not None:
                pass


async def test_second_client_when_one_is_served_then_it_waits_for_its_turn() -> None:
    async with (
        running() as camera,
        connected(camera) as first,
        connected(camera) as second,
    ):
        waiting = asyncio.ensure_future(second.read_frame())
        last = 0
        for _ in range(10):
            last = (await first.read_frame())[0].seq
        assert not waiting.done()
        await first.close()
        tag, _ = await waiting
        assert tag.seq > last


async def test_no_client_when_running_then_nothing_is_drawn() -> None:
    async with running() as idle, running() as busy, connected(busy) as client:
        for _ in range(5):
            await client.read_frame()
        assert busy.frames_sent >= 4
        assert idle.frames_sent == 0
        assert not idle.connected
        assert idle._seq == 0


async def test_drop_client_when_served_then_it_ends_and_the_next_is_served() -> None:
    async with running() as camera:
        async with connected(camera) as client:
            await client.read_frame()
            camera.drop_client()
            async with asyncio.timeout(WAIT_S):
                while await client.reader.read(65536):
                    pass
        async with connected(camera) as client:
            tag, _ = await client.read_frame()
            assert tag.seq > 1
        camera.drop_client()


async def test_freeze_when_connected_then_no_byte_comes_until_it_thaws() -> None:
    async with running() as camera:
        camera.freeze()
        async with connected(camera) as client:
            assert await client.is_silent()
            assert camera.connected
            camera.freeze(False)
            await client.read_frame()


async def test_frozen_client_when_it_leaves_then_the_next_is_served() -> None:
    async with running() as camera:
        camera.freeze()
        async with connected(camera) as client:
            assert await client.is_silent()
        async with connected(camera) as client:
            camera.freeze(False)
            await client.read_frame()


async def test_pause_accepting_when_paused_then_refused_but_the_client_stays() -> None:
    async with running() as camera, connected(camera) as client:
        await client.read_frame()
        port = camera.port
        camera.pause_accepting()
        camera.pause_accepting()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(camera.host, port)
        await client.read_frame()
        camera.pause_accepting(False)
        camera.pause_accepting(False)
        assert camera.port == port
        await client.close()
        async with connected(camera) as other:
            await other.read_frame()


async def test_send_garbage_when_asked_then_it_precedes_the_next_frame() -> None:
    async with running() as camera:
        camera.send_garbage(1000)
        async with connected(camera) as client:
            async with asyncio.timeout(WAIT_S):
                garbage = await client.reader.readexactly(1000)
            assert read_tag(garbage) is None
            assert (await client.read_frame())[0].seq == 1
            assert (await client.read_frame())[0].seq == 2


async def test_truncate_next_when_asked_then_a_frame_lacks_its_end() -> None:
    async with running() as camera:
        camera.truncate_next()
        async with connected(camera) as client:
            async with asyncio.timeout(WAIT_S):
                cut = await client.reader.readuntil(b"seq=2 ")
                await client.reader.readuntil(b"\xff\xd9")
            tag = read_tag(cut)
            assert tag is not None
            assert tag.seq == 1
            assert 0.4 * tag.size_bytes < len(cut) < 0.8 * tag.size_bytes
            assert (await client.read_frame())[0].seq == 3
        assert camera.frames_sent <= camera._seq - 1


async def test_slow_client_when_it_stalls_then_drawing_stops_and_goes_on_fresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = asyncio.Event()
    draw = SyntheticCamera._draw_frame

    async def told(camera: SyntheticCamera) -> bytes:
        drawn.set()
        return await draw(camera)

    monkeypatch.setattr(SyntheticCamera, "_draw_frame", told)
    async with running() as camera:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        slow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(slow, (camera.host, camera.port))
        client = Client(*await asyncio.open_connection(sock=slow, limit=16 * 1024))
        stalled = False
        while not stalled:
            drawn.clear()
            try:
                # For longer than a busy host may need for a frame.
                async with asyncio.timeout(8 * SILENCE_S):
                    await drawn.wait()
            except TimeoutError:
                stalled = True
        waiting = camera._seq
        tag, jpeg = await client.read_frame()
        assert waiting * len(jpeg) < 4 * SEND_BUFFER_BYTES
        resumed_ns = time.monotonic_ns()
        while tag.seq <= waiting:
            tag, _ = await client.read_frame()
        assert tag.t_ns > resumed_ns
        await client.close()


async def test_drawing_when_served_then_it_is_not_in_the_thread_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = set()
    jpeg = Scene.jpeg

    def told(*args: Any) -> bytes:
        threads.add(threading.get_ident())
        return jpeg(*args)

    monkeypatch.setattr(Scene, "jpeg", told)
    async with running() as camera, connected(camera) as client:
        await client.read_frame()
    assert threads
    assert threading.get_ident() not in threads


async def test_aclose_when_called_twice_then_the_client_ends_and_port_is_free() -> None:
    camera = SyntheticCamera(**SMALL)
    await camera.start()
    async with connected(camera) as client:
        await client.read_frame()
        await camera.aclose()
        await camera.aclose()
        async with asyncio.timeout(WAIT_S):
            while await client.reader.read(65536):
                pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(camera.host, camera.port)
    with pytest.raises(ClosedError):
        await camera.start()


def tagged(layer: int | None = 7) -> bytes:
    jpeg = Scene(64, 36, layer_height_mm=0.2).jpeg(Pose(0, 0, 0), 1, WALL, 85)
    return add_tag(jpeg, 42, 123456789, WALL, layer)


@pytest.mark.parametrize("layer", [None, 0, 7, 12345])
def test_tag_when_added_then_it_is_read_back_and_holds_no_ff(layer: int | None) -> None:
    jpeg = tagged(layer)
    assert read_tag(jpeg) == FrameTag(42, 123456789, WALL, layer, len(jpeg))
    start = jpeg.index(b"\xff\xfe")
    assert start == 2 + 2 + int.from_bytes(jpeg[4:6])
    size = int.from_bytes(jpeg[start + 2 : start + 4])
    assert b"\xff" not in jpeg[start + 2 : start + 2 + size]


def test_tag_when_the_jpeg_has_no_app0_then_it_follows_soi() -> None:
    bare = b"\xff\xd8\xff\xda\x00\x02\x00\xff\xd9"
    jpeg = add_tag(bare, 1, 2, WALL, None)
    assert jpeg.startswith(b"\xff\xd8\xff\xfe")
    assert read_tag(jpeg) == FrameTag(1, 2, WALL, None, len(jpeg))


@pytest.mark.parametrize(
    "jpeg",
    [
        b"",
        b"\xff",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"no picture at all",
        b"\xff\xd8\xff\xfe\x00\x01",
        b"\xff\xd8\xff\xfe\x00\x00" * 9,
        b"\xff\xd8\xff\xfe\x00\x09comment\xff\xd9",
        b"\xff\xd8\xff\xfe\xff\xffprusacam-test seq=1",
        b"\xff\xd8\xff\xda\x00\x02" + tagged(),
        tagged().replace(b"seq=42", b"seq=4x"),
        tagged()[:60],
    ],
)
def test_read_tag_when_there_is_none_then_none(jpeg: bytes) -> None:
    assert read_tag(jpeg) is None


def seen(pose: Pose, *, seq: int = 1, layer_height_mm: float = 1.0) -> Image.Image:
    scene = Scene(1280, 720, layer_height_mm=layer_height_mm)
    with Image.open(io.BytesIO(scene.jpeg(pose, seq, WALL, 85))) as image:
        return image.convert("RGB")


def matching(
    image: Image.Image, low: tuple[int, ...], high: tuple[int, ...]
) -> Image.Image:
    """A mask of the pixels whose channels are all between ``low`` and ``high``."""
    mask = Image.new("L", image.size, 255)
    for band, least, most in zip(image.split(), low, high, strict=True):
        levels = [255 * (least <= level <= most) for level in range(256)]
        mask = ImageChops.multiply(mask, band.point(levels))
    return mask


def lights(image: Image.Image) -> tuple[float, float]:
    """The middle of the toolhead's two cyan lights."""
    box = matching(image, (0, 190, 200), (120, 255, 255)).getbbox()
    assert box is not None
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


@pytest.mark.parametrize(
    "place",
    [(125, 105, 5), (0, 0, 0.2), (250, 0, 0.2), (0, 210, 30), (250, 210, 60)],
    ids=str,
)
def test_nozzle_when_at_a_place_then_it_is_drawn_there(
    place: tuple[float, float, float],
) -> None:
    pose = Pose(*place)
    u, v = lights(seen(pose))
    scene = Scene(1280, 720, layer_height_mm=1.0)
    above = Pose(pose.x, pose.y, pose.z + CYAN_LIGHTS_MM)
    expected_u, expected_v = scene.nozzle_px(above)
    assert abs(u - expected_u) < 3
    assert abs(v - expected_v) < 3


def test_nozzle_when_it_moves_then_its_picture_moves_the_same_way() -> None:
    u, v = lights(seen(Pose(100, 100, 20)))
    right = lights(seen(Pose(150, 100, 20)))
    back = lights(seen(Pose(100, 180, 20)))
    up = lights(seen(Pose(100, 100, 70)))
    assert right[0] > u + 80
    assert abs(right[1] - v) < 3
    assert back[1] < v - 30
    assert up[1] < v - 80
    assert abs(up[0] - u) < 3


def test_print_when_layers_are_added_then_it_grows() -> None:
    def orange(layer: int | None) -> int:
        image = seen(Pose(20, 200, 120, layer, 90)).crop((440, 240, 840, 640))
        return matching(image, (120, 40, 0), (255, 190, 72)).histogram()[255]

    amounts = [orange(layer) for layer in (None, 0, 1, 20, 45, 90)]
    assert amounts[0] == amounts[1] == 0
    assert amounts[2:] == sorted(set(amounts[2:]))
    assert amounts[-1] > 2 * amounts[2] > 0


def test_print_when_a_new_job_starts_then_the_old_one_is_gone() -> None:
    scene = Scene(320, 180, layer_height_mm=1.0)
    sizes = []
    for layer, total in ((60, 60), (1, 60), (60, 60), (None, None), (1, 90)):
        scene.draw(Pose(20, 200, 120, layer, total), 1, WALL)
        sizes.append(0 if scene._vase is None else scene._vase.layers)
    assert sizes == [60, 1, 60, 0, 1]


def test_pictures_when_nothing_moves_then_noise_makes_them_differ() -> None:
    scene = Scene(640, 360, layer_height_mm=1.0)
    pose = Pose(125, 105, 5, 5, 10)
    below_caption = (0, 120, 640, 360)
    first, second = (scene.draw(pose, 3, WALL).crop(below_caption) for _ in range(2))
    difference = ImageChops.difference(first, second).convert("L")
    histogram = difference.histogram()
    assert histogram[0] < 0.6 * sum(histogram)
    assert sum(histogram[20:]) < 0.01 * sum(histogram)


@pytest.mark.parametrize("layer", [None, 1, 90])
def test_frame_when_of_default_size_then_it_weighs_like_a_real_one(
    layer: int | None,
) -> None:
    scene = Scene(1280, 720, layer_height_mm=1.0)
    jpeg = scene.jpeg(Pose(120, 90, layer or 0, layer, 90), 1, WALL, 85)
    assert 60_000 < len(jpeg) < 130_000


@pytest.mark.parametrize(
    "pose",
    [
        Pose(-500, -300, -50),
        Pose(5000, 300, 900),
        Pose(125, 105, 200, 900, 5),
        Pose(125, 105, 1, 5, 0),
        Pose(125, 105, 1, 5, None),
        Pose(125, 105, 400, 2000, 2000),
    ],
    ids=str,
)
def test_scene_when_the_pose_is_odd_then_it_is_drawn_all_the_same(pose: Pose) -> None:
    image = Scene(320, 180, layer_height_mm=0.2).draw(pose, 1, WALL)
    assert image.size == (320, 180)


def test_drawing_when_all_is_prepared_then_it_costs_a_fraction_of_that() -> None:
    started_s = time.perf_counter()
    picture._stage.__wrapped__(1280, 720)
    prepared_s = time.perf_counter() - started_s
    scene = Scene(1280, 720, layer_height_mm=1.0)
    scene.jpeg(Pose(120, 90, 30, 30, 90), 1, WALL, 85)
    frames_s = []
    for layer in range(31, 37):
        started_s = time.perf_counter()
        scene.jpeg(Pose(120, 90, layer, layer, 90), layer, WALL, 85)
        frames_s.append(time.perf_counter() - started_s)
    assert min(frames_s) < prepared_s / 8


def test_looping_print_when_time_passes_then_it_prints_parks_and_starts_again() -> None:
    now_s = 100.0
    printer = LoopingPrint(lambda: now_s)
    round_s = (printer.LAYERS + printer.PARKED_LAYERS) * printer.LAYER_S
    assert printer.layer == 1
    assert printer.total_layers == printer.LAYERS
    for step in range(900):
        now_s = 100.0 + round_s * step / 900
        x, y, z = printer.live_position()
        assert 0 <= x <= 250
        assert 0 <= y <= 210
        assert printer.layer is not None
        if now_s - 100 < printer.LAYERS * printer.LAYER_S:
            assert z == pytest.approx(printer.layer * printer.LAYER_HEIGHT_MM)
            near = min(
                math.dist((x, y), corner) for corner in vase_outline(z, printer.LAYERS)
            )
            assert near < 5
    assert printer.layer == printer.LAYERS
    now_s = 100.0 + round_s + 0.01
    assert printer.layer == 1
