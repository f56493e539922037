# Tests of the stream pump.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slow, stalled, rude and vanishing viewers, on real sockets."""

from __future__ import annotations

import asyncio
import random
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import pytest

from moonraker_prusacam.web import StreamPump, pump
from moonraker_prusacam.web.pump import BOUNDARY, STALL_TIMEOUT_S
from tests.support.viewers import LINGER_RESET, WAIT_S, StrictParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from moonraker_prusacam.web.pump import Viewer

HEAD = b"HTTP/1.1 200 OK\r\n\r\n--" + BOUNDARY + b"\r\n"
CONTENT_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
SMALL_BUFFER_BYTES = 4096
BIG_BYTES = 2 << 20


@attrs.frozen(eq=False)
class Picture:
    """A part whose body tells its number from the first to the last byte."""

    number: int
    size_bytes: int = 1000

    @property
    def data(self) -> bytes:
        body = b"%08d" % self.number * (self.size_bytes // 8)
        return b"\xff\xd8" + body + b"\xff\xd9"

    @property
    def part_header(self) -> bytes:
        length = len(self.data)
        return b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % length


def number_in(body: bytes) -> int:
    """The number of a picture that is whole; fails for a torn one."""
    digits = body[2:10]
    assert body == b"\xff\xd8" + digits * ((len(body) - 4) // 8) + b"\xff\xd9"
    return int(digits)


class Scene:
    """A feed whose picture the test sets."""

    def __init__(self) -> None:
        self.shown: Picture | None = None
        self.is_over = False
        self.asked = 0

    def picture(self) -> Picture | None:
        self.asked += 1
        return self.shown


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class WatchedPump(StreamPump):
    """Lets a test wait for viewers to leave, and for ticks."""

    def __init__(self, max_viewers: int = 100, *, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        super().__init__(max_viewers, clock=self.clock)
        self.ticks = 0
        self._happened = asyncio.Event()

    def _close(self, viewer: Viewer) -> None:
        super()._close(viewer)
        self._happened.set()

    def _tick(self) -> None:
        super()._tick()
        self.ticks += 1
        self._happened.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._happened.clear()
                await self._happened.wait()

    async def tick(self) -> None:
        """Wait for a tick that begins after now, if there is one."""
        ticks = self.ticks
        await self.until(lambda: self.ticks > ticks or self._timer is None)

    @property
    def only(self) -> Viewer:
        (viewer,) = self._viewers
        return viewer


class Peer:
    """The viewer's end of a stream."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        sock.setblocking(False)
        self.parser = StrictParser(CONTENT_TYPE)
        self._skip = len(HEAD) - len(BOUNDARY) - 4
        self.numbers: list[int] = []

    async def read(self, size: int = 1 << 20) -> bool:
        """Take and check what comes; False at the end."""
        async with asyncio.timeout(WAIT_S):
            data = await asyncio.get_running_loop().sock_recv(self.socket, size)
        skipped, data_left = data[: self._skip], data[self._skip :]
        self._skip -= len(skipped)
        self.numbers += map(number_in, self.parser.feed(data_left))
        return bool(data)

    async def until(self, number: int) -> None:
        while not self.numbers or self.numbers[-1] != number:
            assert await self.read()

    async def to_end(self) -> None:
        try:
            while await self.read():
                pass
        except ConnectionResetError:
            pass

    def vanish(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self.socket.close()


@asynccontextmanager
async def pumping(max_viewers: int = 100) -> AsyncIterator[tuple[WatchedPump, Scene]]:
    of = WatchedPump(max_viewers)
    try:
        yield of, Scene()
    finally:
        await of.aclose()


def pair(buffer_bytes: int = 0) -> tuple[socket.socket, socket.socket]:
    """A TCP connection on this host; a small buffer makes writes partial."""
    with socket.socket() as server, socket.socket() as far:
        if buffer_bytes:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        far.connect(server.getsockname())
        near, _ = server.accept()
        if buffer_bytes:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        return near, far.dup()


@asynccontextmanager
async def viewing(
    of: WatchedPump, scene: Scene, *, buffer_bytes: int = 0
) -> AsyncIterator[Peer]:
    near, far = pair(buffer_bytes)
    with far:
        of.add(near, scene, HEAD)
        yield Peer(far)


@pytest.fixture
def fast_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "TICK_S", 0.002)


async def test_add_when_there_is_a_picture_then_head_part_and_delimiter_are_sent() -> (
    None
):
    async with pumping() as (of, scene):
        scene.shown = Picture(1)
        async with viewing(of, scene) as peer:
            await peer.until(1)
            # The delimiter came with the picture, not in front of the next.
            assert peer.parser.is_between_parts
            assert of.stats.frames == 1
            size = len(HEAD) + len(Picture(1).part_header + Picture(1).data)
            assert of.stats.bytes == size + len(b"\r\n--\r\n" + BOUNDARY)


async def test_add_when_there_is_no_picture_then_the_first_is_sent_when_it_comes() -> (
    None
):
    async with pumping() as (of, scene), viewing(of, scene) as peer:
        scene.shown = Picture(1)
        of.refresh()
        await peer.until(1)


async def test_refresh_when_the_picture_is_the_same_then_it_is_not_sent_again() -> None:
    async with pumping() as (of, scene):
        scene.shown = Picture(1)
        async with viewing(of, scene) as peer:
            for _ in range(5):
                of.refresh()
            scene.shown = Picture(2)
            of.refresh()
            await peer.until(2)
            assert peer.numbers == [1, 2]


@pytest.mark.parametrize("family", ["tcp", "unix"])
async def test_write_when_partial_then_no_picture_is_torn_and_the_newest_follows(
    family: str,
) -> None:
    async with pumping() as (of, scene):
        near, far = pair(SMALL_BUFFER_BYTES) if family == "tcp" else socket.socketpair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
        scene.shown = Picture(1, 200_000)
        with far:
            of.add(near, scene, HEAD)
            peer = Peer(far)
            for number in range(2, 100):
                scene.shown = Picture(number, 200_000 + number * 8)
                of.refresh()
                if number % 10 == 0:
                    await peer.read(1777)
            await peer.until(99)
        # The one that was under way, perhaps one more, and the newest.
        assert peer.numbers[0] == 1
        assert len(peer.numbers) <= 3


async def test_viewer_when_it_does_not_read_then_one_picture_is_pinned_at_most() -> (
    None
):
    async with pumping() as (of, scene):
        scene.shown = Picture(1, BIG_BYTES)
        async with viewing(of, scene, buffer_bytes=SMALL_BUFFER_BYTES) as peer:
            asked = scene.asked
            pinned = of.only._unsent
            for number in range(2, 1000):
                scene.shown = Picture(number, BIG_BYTES)
                of.refresh()
            assert scene.asked == asked
            assert of.only._unsent is pinned
            assert sum(map(len, pinned)) < BIG_BYTES + 1000
            scene.shown = Picture(1000)
            await peer.until(1000)
            assert peer.numbers == [1, 1000]


async def test_viewers_when_one_stalls_then_the_others_get_every_picture() -> None:
    async with pumping() as (of, scene):
        scene.shown = Picture(0, 100_000)
        async with (
            viewing(of, scene, buffer_bytes=SMALL_BUFFER_BYTES) as stalled,
            viewing(of, scene) as quick,
        ):
            for number in range(1, 50):
                scene.shown = Picture(number, 100_000)
                of.refresh()
                await quick.until(number)
            assert quick.numbers == list(range(50))
            assert of.stats.viewers == 2
            await stalled.until(49)
            assert stalled.numbers == [0, 49]


async def test_viewer_when_it_stalls_then_it_is_closed_after_the_timeout(
    fast_ticks: None,
) -> None:
    async with pumping() as (of, scene):
        scene.shown = Picture(1, BIG_BYTES)
        async with viewing(of, scene, buffer_bytes=SMALL_BUFFER_BYTES) as peer:
            of.clock.now += STALL_TIMEOUT_S
            await of.tick()
            assert of.stats.stalled == 0
            # A little progress is progress.
            before = of.stats.bytes
            while of.stats.bytes == before:
                await peer.read()
            of.clock.now += STALL_TIMEOUT_S
            await of.tick()
            assert of.stats.viewers == 1
            # The kernel may take some more for a while.
            while of.stats.viewers:
                of.clock.now += STALL_TIMEOUT_S + 1
                await of.tick()
            assert of.stats.stalled == 1
            await peer.to_end()
            assert peer.numbers == []


async def test_scene_when_it_is_still_then_it_is_repeated_every_two_seconds(
    fast_ticks: None,
) -> None:
    async with pumping() as (of, scene):
        scene.shown = Picture(1)
        async with viewing(of, scene) as peer:
            await peer.until(1)
            for repeats in range(1, 4):
                of.clock.now += 1.9
                await of.tick()
                assert of.stats.frames == repeats
                of.clock.now += 0.11
                await of.tick()
                assert of.stats.frames == repeats + 1
            while len(peer.numbers) < 4:
                await peer.read()
            assert peer.numbers == [1, 1, 1, 1]
            of.clock.now += 1.5
            scene.shown = Picture(2)
            of.refresh()
            of.clock.now += 1.5
            await of.tick()
            assert of.stats.frames == 5


def test_repeat_when_read_then_mainsail_does_not_reconnect() -> None:
    """It does so after 10 s without a frame."""
    assert pump.REPEAT_AFTER_S + pump.TICK_S < 5


async def test_feed_when_it_is_over_then_the_stream_ends_between_parts() -> None:
    async with pumping() as (of, scene):
        scene.shown = Picture(1)
        async with viewing(of, scene) as peer:
            scene.shown, scene.is_over = None, True
            of.refresh()
            await peer.to_end()
            assert peer.numbers == [1]
            assert peer.parser.is_between_parts
            assert of.stats.viewers == 0


async def test_feed_when_it_ends_in_a_part_then_the_part_is_finished_first() -> None:
    async with pumping() as (of, scene):
        scene.shown = Picture(1, BIG_BYTES)
        async with viewing(of, scene, buffer_bytes=SMALL_BUFFER_BYTES) as peer:
            scene.shown, scene.is_over = None, True
            of.refresh()
            await peer.to_end()
            assert peer.numbers == [1]
            assert peer.parser.is_between_parts


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize("within_a_part", [False, True])
async def test_viewer_when_it_leaves_then_its_socket_is_closed(
    how: str, within_a_part: bool
) -> None:
    async with pumping() as (of, scene):
        scene.shown = Picture(1, BIG_BYTES if within_a_part else 100)
        async with viewing(of, scene, buffer_bytes=SMALL_BUFFER_BYTES) as peer:
            await peer.read(10)
            near = of.only.sock
            if how == "close":
                peer.socket.close()
            elif how == "reset":
                peer.vanish()
            else:
                peer.socket.shutdown(socket.SHUT_WR)
            await of.until(lambda: of.stats.viewers == 0)
            assert near.fileno() < 0
            assert of.stats.stalled == 0


async def test_viewer_when_it_left_unnoticed_then_the_write_finds_out() -> None:
    async with pumping() as (of, scene), viewing(of, scene) as peer:
        peer.vanish()
        scene.shown = Picture(1)
        of.refresh()
        assert of.stats.viewers == 0


async def test_add_when_the_viewer_is_gone_already_then_nothing_is_left() -> None:
    async with pumping() as (of, scene):
        scene.shown = Picture(1)
        near, far = pair()
        Peer(far).vanish()
        of.add(near, scene, HEAD)
        assert of.stats.viewers == 0
        assert near.fileno() < 0


async def test_viewer_when_it_talks_then_it_is_not_listened_to() -> None:
    async with pumping() as (of, scene):
        scene.shown = Picture(1)
        async with viewing(of, scene) as peer:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(WAIT_S):
                await loop.sock_sendall(peer.socket, b"GET / HTTP/1.1\r\n\r\n" * 50_000)
            scene.shown = Picture(2)
            of.refresh()
            await peer.until(2)


async def test_is_full_when_the_last_place_is_taken_then_until_one_leaves() -> None:
    async with pumping(max_viewers=2) as (of, scene), viewing(of, scene) as peer:
        assert of.watching(scene) == 1
        async with viewing(of, scene):
            assert of.is_full
            assert of.watching(scene) == 2
            peer.vanish()
            await of.until(lambda: not of.is_full)


async def test_stats_when_viewers_left_then_their_frames_still_count() -> None:
    async with pumping() as (of, scene):
        scene.shown = Picture(1)
        async with viewing(of, scene) as peer:
            await peer.until(1)
        await of.until(lambda: of.stats.viewers == 0)
        stats = of.stats
        assert (stats.opened, stats.frames) == (1, 1)
        assert stats.bytes > 1000


async def test_aclose_when_streams_are_open_then_they_end_and_no_timer_is_left() -> (
    None
):
    async with pumping() as (of, scene):
        scene.shown = Picture(1, BIG_BYTES)
        async with (
            viewing(of, scene) as quick,
            viewing(of, scene, buffer_bytes=SMALL_BUFFER_BYTES) as stalled,
        ):
            await of.aclose()
            await of.aclose()
            assert of.stats.viewers == 0
            assert of._timer is None
            await quick.to_end()
            await stalled.to_end()
            assert stalled.numbers == []


async def test_timer_when_the_last_viewer_left_then_it_stops_until_one_comes(
    fast_ticks: None,
) -> None:
    async with pumping() as (of, scene):
        async with viewing(of, scene):
            await of.tick()
        await of.until(lambda: of._timer is None)
        async with viewing(of, scene):
            await of.tick()


async def test_viewers_when_they_come_and_go_then_all_see_whole_pictures() -> None:
    """Seeded chaos; what a viewer is shown is whole, and its numbers only rise."""
    seed = random.Random(20_261_121)
    seen = 0

    async def view(of: WatchedPump, scene: Scene, rng: random.Random) -> None:
        nonlocal seen
        buffer_bytes = rng.choice((0, SMALL_BUFFER_BYTES))
        async with viewing(of, scene, buffer_bytes=buffer_bytes) as peer:
            for _ in range(rng.randint(0, 30)):
                await peer.read(rng.choice((1, 100, 5000, 1 << 20)))
                await asyncio.sleep(rng.choice((0, 0, 0.001, 0.02)))
            if rng.random() < 0.5:
                peer.vanish()
            assert peer.numbers == sorted(peer.numbers)
            seen += len(peer.numbers)

    async with pumping() as (of, scene):
        scene.shown = Picture(0)
        async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as viewers:
            for number in range(1, 500):
                scene.shown = Picture(number, seed.choice((100, 10_000, 200_000)))
                of.refresh()
                if number % 2 == 0:
                    rng = random.Random(seed.random())
                    viewers.create_task(view(of, scene, rng))
                await asyncio.sleep(0.002)
            while of.stats.opened < 249 or of.stats.viewers:
                number += 1
                scene.shown = Picture(number, 1000)
                of.refresh()
                await asyncio.sleep(0.005)
        await of.until(lambda: of.stats.viewers == 0)
        assert of.stats.opened == 249
        assert seen > 249
