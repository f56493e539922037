# Tests of the stream pump, both twins.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slow, stalled, rude and vanishing viewers, on real sockets.

The compiled twin works in a thread of its own, so tests look at what it has done until
it has, and its times are parameters.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import random
import socket
import threading
import time
import weakref
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera.scanner import Frame as FrameTwin
from moonraker_prusacam.errors import ClosedError, PrusacamError
from moonraker_prusacam.web import _pump_py, pump
from moonraker_prusacam.web.stream import BOUNDARY, REPEAT_AFTER_S, TICK_S
from tests.support.viewers import LINGER_RESET, WAIT_S, StrictParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from moonraker_prusacam.camera import Frame
    from moonraker_prusacam.web._pump_py import Channel, StreamPump

_pump_c: Any
try:
    _pump_c = importlib.import_module("moonraker_prusacam.web._pump_c")
except ImportError:
    _pump_c = None

HEAD = b"HTTP/1.1 200 OK\r\n\r\n--" + BOUNDARY + b"\r\n"
CONTENT_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
SMALL_BUFFER_BYTES = 4096
BIG_BYTES = 2 << 20
LOOK_S = 0.002
TWINS = [
    pytest.param(_pump_py, id="python"),
    pytest.param(
        _pump_c,
        id="c",
        marks=pytest.mark.skipif(_pump_c is None, reason="the extension is not built"),
    ),
]


@pytest.fixture(params=TWINS)
def twin(request: pytest.FixtureRequest) -> Any:
    return request.param


def body(number: int, size_bytes: int = 1000) -> bytes:
    """A picture that tells its number from the first to the last byte."""
    return b"\xff\xd8" + b"%08d" % number * (size_bytes // 8) + b"\xff\xd9"


def header(data: bytes | bytearray) -> bytes:
    return b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)


def show(channel: Channel, number: int, size_bytes: int = 1000, **known: Any) -> None:
    data = body(number, size_bytes)
    channel.show(header(data), data, **known)


def number_in(data: bytes) -> int:
    """The number of a picture that is whole; fails for a torn one."""
    digits = data[2:10]
    assert data == b"\xff\xd8" + digits * ((len(data) - 4) // 8) + b"\xff\xd9"
    return int(digits)


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


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def until(condition: Callable[[], object]) -> None:
    """Wait for what the pump's thread does; it has no way to set an Event."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if condition():
                return
            await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def pumping(
    twin: Any, max_viewers: int = 300, **times: float
) -> AsyncIterator[tuple[StreamPump, Channel]]:
    of = twin.StreamPump(max_viewers, **times)
    try:
        yield of, of.channel()
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
    of: StreamPump,
    channel: Channel,
    *,
    buffer_bytes: int = 0,
    fps: float | None = None,
    name: str = "",
) -> AsyncIterator[Peer]:
    near, far = pair(buffer_bytes)
    with far:
        of.add(near, channel, HEAD, fps=fps, label="far", name=name)
        yield Peer(far)


async def test_add_when_there_is_a_picture_then_head_part_and_delimiter_are_sent(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel):
        show(channel, 1)
        async with viewing(of, channel) as peer:
            await peer.until(1)
            # The delimiter came with the picture, not in front of the next.
            assert peer.parser.is_between_parts
            size = len(HEAD + header(body(1)) + body(1))
            await until(lambda: of.stats.frames == 1)
            assert of.stats.bytes == size + len(b"\r\n--\r\n" + BOUNDARY)


async def test_add_when_there_is_no_picture_then_the_first_is_sent_when_it_comes(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel), viewing(of, channel) as peer:
        show(channel, 1)
        await peer.until(1)


@pytest.mark.parametrize("is_reading", [True, False])
async def test_viewer_when_its_time_is_over_then_it_alone_is_closed(
    twin: Any, is_reading: bool
) -> None:
    async with pumping(twin, tick_s=0.02) as (of, channel):
        near, far = pair(0 if is_reading else SMALL_BUFFER_BYTES)
        show(channel, 1, 64 if is_reading else BIG_BYTES)
        async with viewing(of, channel) as other:
            with far:
                of.add(near, channel, HEAD, lifetime_s=0.1)
                await until(lambda: of.stats.opened == 2)
                await until(lambda: channel.viewers == 1)
                await Peer(far).to_end()
            assert of.stats.stalled == 0
            show(channel, 2)
            await other.until(2)


@pytest.mark.parametrize("lifetime_s", [0.0, -5.0, 1e-9])
async def test_viewer_when_its_time_is_over_already_then_it_is_closed(
    twin: Any, lifetime_s: float
) -> None:
    async with pumping(twin, tick_s=0.02) as (of, channel):
        near, far = pair(0)
        with far:
            of.add(near, channel, HEAD, lifetime_s=lifetime_s)
            await until(lambda: channel.viewers == 0)


async def test_channels_then_each_viewer_sees_its_own(twin: Any) -> None:
    async with pumping(twin) as (of, one):
        other = of.channel()
        async with viewing(of, one) as first, viewing(of, other) as second:
            show(one, 1)
            show(other, 2)
            await first.until(1)
            await second.until(2)
            assert (one.viewers, other.viewers) == (1, 1)
            one.end()
            await first.to_end()
            show(other, 3)
            await second.until(3)
            assert second.numbers == [2, 3]


async def test_channel_when_there_are_too_many_then_error(twin: Any) -> None:
    async with pumping(twin) as (of, _):
        for _ in range(63):
            of.channel()
        with pytest.raises(PrusacamError, match="64"):
            of.channel()


@pytest.mark.parametrize("family", ["tcp", "unix"])
async def test_write_when_partial_then_no_picture_is_torn_and_the_newest_follows(
    twin: Any, family: str
) -> None:
    async with pumping(twin) as (of, channel):
        near, far = pair(SMALL_BUFFER_BYTES) if family == "tcp" else socket.socketpair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
        show(channel, 1, 200_000)
        with far:
            of.add(near, channel, HEAD)
            peer = Peer(far)
            await until(lambda: of.stats.frames == 1)
            for number in range(2, 100):
                show(channel, number, 200_000 + number * 8)
                if number % 10 == 0:
                    await peer.read(1777)
            await peer.until(99)
        # The one that was under way, perhaps one more, and the newest.
        assert peer.numbers[0] == 1
        assert len(peer.numbers) <= 3


async def test_viewer_when_it_does_not_read_then_one_picture_is_pinned_at_most(
    twin: Any,
) -> None:
    class Data(bytearray):
        pass

    alive: list[weakref.ref[Any]] = []
    async with (
        pumping(twin) as (of, channel),
        viewing(of, channel, buffer_bytes=SMALL_BUFFER_BYTES) as peer,
    ):
        for number in range(1, 200):
            data = Data(body(number, BIG_BYTES // 4))
            alive.append(weakref.ref(data))
            channel.show(header(data), data)
            if number == 1:
                await until(lambda: of.stats.frames == 1)
            del data
        gc.collect()
        assert sum(ref() is not None for ref in alive) <= 2
        show(channel, 1000)
        await peer.until(1000)
        assert peer.numbers == [1, 1000]


async def test_viewers_when_one_stalls_then_the_others_get_every_picture(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel):
        show(channel, 0, 100_000)
        async with (
            viewing(of, channel, buffer_bytes=SMALL_BUFFER_BYTES) as stalled,
            viewing(of, channel) as quick,
        ):
            await quick.until(0)
            await until(lambda: of.stats.frames == 2)
            for number in range(1, 50):
                show(channel, number, 100_000)
                await quick.until(number)
            assert quick.numbers == list(range(50))
            assert of.stats.viewers == 2
            await stalled.until(49)
            assert stalled.numbers == [0, 49]


async def test_viewer_when_it_stalls_then_it_is_closed_after_the_timeout(
    twin: Any,
) -> None:
    async with pumping(twin, stall_timeout_s=0.3, tick_s=0.01) as (of, channel):
        show(channel, 1, BIG_BYTES)
        begun = time.monotonic()
        async with (
            viewing(of, channel, buffer_bytes=SMALL_BUFFER_BYTES) as peer,
            viewing(of, channel) as quick,
        ):
            await quick.until(1)
            await until(lambda: of.stats.stalled)
            assert time.monotonic() - begun >= 0.3
            assert of.stats.viewers == 1
            await peer.to_end()
            assert peer.numbers == []
            show(channel, 2)
            await quick.until(2)


async def test_viewer_when_it_reads_a_little_then_it_is_not_closed(twin: Any) -> None:
    # A busy host may keep the test, and not the pump, from its turn.
    async with pumping(twin, stall_timeout_s=1.5, tick_s=0.01) as (of, channel):
        show(channel, 1, 2_000_000)
        async with viewing(of, channel, buffer_bytes=SMALL_BUFFER_BYTES) as peer:
            begun = time.monotonic()
            while time.monotonic() - begun < 2.5:
                await peer.read(3000)
                await asyncio.sleep(0.02)
            assert of.stats.stalled == 0


async def test_scene_when_it_is_still_then_it_is_repeated(twin: Any) -> None:
    async with pumping(twin, repeat_after_s=0.2, tick_s=0.01) as (of, channel):
        show(channel, 1)
        begun = time.monotonic()
        async with viewing(of, channel) as peer:
            while len(peer.numbers) < 4:
                await peer.read()
            took_s = time.monotonic() - begun
            assert set(peer.numbers) == {1}
            assert took_s >= (len(peer.numbers) - 1) * (0.2 - 0.01)


def test_repeat_when_read_then_mainsail_does_not_reconnect() -> None:
    """It does so after 10 s without a frame."""
    assert REPEAT_AFTER_S + TICK_S < 5


async def test_picture_when_it_has_expired_then_it_is_never_sent(twin: Any) -> None:
    async with pumping(twin, repeat_after_s=0.1, tick_s=0.01) as (of, channel):
        expires_ns = time.monotonic_ns() + int(15e8)
        show(channel, 1, expires_ns=expires_ns)
        async with viewing(of, channel) as peer:
            await peer.until(1)
            # While it is young it is repeated; then viewers get nothing at all.
            await asyncio.sleep((expires_ns - time.monotonic_ns()) / 1e9 + 0.2)
            async with viewing(of, channel) as late:
                frames = of.stats.frames
                await asyncio.sleep(0.3)
                assert of.stats.frames == frames
                show(channel, 2)
                await peer.until(2)
                await late.until(2)
                assert late.numbers == [2]


def frame(number: int, *, last_ns: int | None = None) -> Frame:
    data = body(number)
    now_ns = time.monotonic_ns()
    return FrameTwin(
        data,
        seq=number,
        width=8,
        height=8,
        has_dht=True,
        first_ns=now_ns,
        last_ns=now_ns if last_ns is None else last_ns,
        wall_time=time.time(),
    )


NEVER_NS = 2**62


async def test_show_frame_when_viewers_watch_then_they_get_it_and_its_way_is_told(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel), viewing(of, channel) as peer:
        for number in (1, 2, 3):
            channel.show_frame(frame(number), NEVER_NS)
            await peer.until(number)
        await until(lambda: len(channel.delays_ms) == 3)
        assert all(0 <= delay_ms < 1e3 * WAIT_S for delay_ms in channel.delays_ms)
        (viewer,) = channel.list_viewers()
        assert (viewer.frames, viewer.skipped, viewer.label) == (3, 0, "far")
        assert viewer.bytes == of.stats.bytes
        assert 0 <= viewer.age_s < WAIT_S


async def test_show_frame_when_an_older_one_comes_late_then_it_is_left_out(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel), viewing(of, channel) as peer:
        channel.show_frame(frame(2), NEVER_NS)
        await peer.until(2)
        for number in (1, 2, 3):
            channel.show_frame(frame(number), NEVER_NS)
        await peer.until(3)
        assert peer.numbers == [2, 3]


async def test_show_frame_when_a_placeholder_came_between_then_it_is_shown_again(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel), viewing(of, channel) as peer:
        channel.show_frame(frame(2), NEVER_NS)
        await peer.until(2)
        show(channel, 7)
        await peer.until(7)
        channel.show_frame(frame(2), NEVER_NS)
        await peer.until(2)


async def test_show_frame_when_it_has_expired_then_nobody_gets_it(twin: Any) -> None:
    async with pumping(twin) as (of, channel), viewing(of, channel) as peer:
        channel.show_frame(frame(1), time.monotonic_ns())
        channel.show_frame(frame(2), NEVER_NS)
        await peer.until(2)
        assert peer.numbers == [2]


async def test_show_frame_when_the_last_viewer_left_then_its_memory_is_free(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel):
        async with viewing(of, channel) as peer:
            channel.show_frame(frame(1), NEVER_NS)
            await peer.until(1)
        await until(lambda: not of.stats.viewers)
        if twin is _pump_py:
            assert channel.newest is None
        async with viewing(of, channel) as peer:
            channel.show_frame(frame(2), NEVER_NS)
            await peer.until(2)
            assert peer.numbers == [2]


async def test_list_viewers_when_one_is_slow_then_it_skips(twin: Any) -> None:
    async with (
        pumping(twin) as (of, channel),
        viewing(of, channel, fps=5) as slow,
        viewing(of, channel) as fast,
    ):
        for number in range(1, 11):
            channel.show_frame(frame(number), NEVER_NS)
            await fast.until(number)
        await slow.until(10)
        # A viewer has the picture a moment before that is counted.
        async with asyncio.timeout(WAIT_S):
            while True:
                told = {viewer.frames: viewer for viewer in channel.list_viewers()}
                if min(told) + told[min(told)].skipped == 10:
                    break
                await asyncio.sleep(0.01)
        assert told[10].skipped == 0


async def test_fps_then_it_is_the_most_that_is_sent(twin: Any) -> None:
    async with (
        pumping(twin) as (of, channel),
        viewing(of, channel, fps=10) as capped,
        viewing(of, channel) as free,
    ):
        begun = time.monotonic()
        for number in range(60):
            show(channel, number)
            await free.until(number)
            await asyncio.sleep(0.01)
        took = time.monotonic() - begun
        await capped.until(59)
        assert 3 <= len(capped.numbers) <= took * 10 + 3
        assert capped.numbers == sorted(set(capped.numbers))


async def test_channel_when_it_ends_then_streams_end_between_parts(twin: Any) -> None:
    async with pumping(twin) as (of, channel):
        show(channel, 1)
        async with viewing(of, channel) as peer:
            await peer.until(1)
            channel.end()
            show(channel, 2)  # what comes after is for those who come after
            await peer.to_end()
            assert peer.numbers == [1]
            assert peer.parser.is_between_parts
            await until(lambda: of.stats.viewers == 0)
        async with viewing(of, channel) as later:
            await later.until(2)


async def test_channel_when_it_ends_in_a_part_then_the_part_is_finished_first(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel):
        show(channel, 1, BIG_BYTES)
        async with viewing(of, channel, buffer_bytes=SMALL_BUFFER_BYTES) as peer:
            await until(lambda: of.stats.frames == 1)
            channel.end()
            await peer.to_end()
            assert peer.numbers == [1]
            assert peer.parser.is_between_parts


async def test_dismiss_when_a_name_is_given_then_only_its_streams_end(
    twin: Any,
) -> None:
    async with (
        pumping(twin) as (of, channel),
        viewing(of, channel, name="wall") as first,
        viewing(of, channel, name="wall") as second,
        viewing(of, channel, name="wallpaper") as longer,
        viewing(of, channel) as nameless,
        viewing(of, other := of.channel(), name="wall") as elsewhere,
    ):
        told = {viewer.name for viewer in channel.list_viewers()}
        assert told <= {"wall", "wallpaper", ""}
        assert channel.dismiss("nobody") == channel.dismiss("WALL") == 0
        assert channel.dismiss("wall") == 2
        assert channel.dismiss("wall") == 0
        await first.to_end()
        await second.to_end()
        await until(lambda: channel.viewers == 2)
        show(channel, 1)
        show(other, 2)
        await longer.until(1)
        await nameless.until(1)
        await elsewhere.until(2)


async def test_dismiss_when_no_name_is_given_then_all_of_the_channel_end(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel), viewing(of, of.channel()):
        assert channel.dismiss() == 0
        async with (
            viewing(of, channel, name="wall") as first,
            viewing(of, channel) as second,
        ):
            show(channel, 1)
            await first.until(1)
            assert channel.dismiss() == 2
            await first.to_end()
            await second.to_end()
            await until(lambda: of.stats.viewers == 1)
        async with viewing(of, channel) as later:
            show(channel, 2)
            await later.until(2)


@pytest.mark.parametrize("is_stalled", [False, True])
async def test_dismiss_when_a_part_is_under_way_then_it_is_not_waited_for(
    twin: Any, is_stalled: bool
) -> None:
    async with pumping(twin) as (of, channel):
        show(channel, 1, BIG_BYTES)
        async with viewing(of, channel, buffer_bytes=SMALL_BUFFER_BYTES) as peer:
            await until(lambda: of.stats.frames == 1)
            if not is_stalled:
                await peer.read(10_000)
            assert channel.dismiss() == 1
            await until(lambda: of.stats.viewers == 0)
            await peer.to_end()
            assert peer.numbers == []
            assert of.stats.stalled == 0


async def test_dismiss_when_the_pump_is_closed_then_nobody_is_left_to_go(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel):
        async with viewing(of, channel, name="wall"):
            await of.aclose()
        assert channel.dismiss() == channel.dismiss("wall") == 0


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize("within_a_part", [False, True])
async def test_viewer_when_it_leaves_then_its_socket_is_closed(
    twin: Any, how: str, within_a_part: bool
) -> None:
    async with pumping(twin) as (of, channel):
        show(channel, 1, BIG_BYTES if within_a_part else 100)
        async with viewing(of, channel, buffer_bytes=SMALL_BUFFER_BYTES) as peer:
            await peer.read(10)
            if how == "close":
                peer.socket.close()
            elif how == "reset":
                peer.vanish()
            else:
                peer.socket.shutdown(socket.SHUT_WR)
            await until(lambda: of.stats.viewers == 0)
            assert channel.viewers == 0
            assert of.stats.stalled == 0


async def test_add_when_the_viewer_is_gone_already_then_nothing_is_left(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel):
        show(channel, 1)
        near, far = pair()
        Peer(far).vanish()
        of.add(near, channel, HEAD)
        await until(lambda: of.stats.viewers == 0)
        assert near.fileno() < 0


async def test_viewer_when_its_socket_has_another_descriptor_then_it_is_left_alone(
    twin: Any,
) -> None:
    """As right after the hand-over: the web server closes its own a moment later."""
    async with pumping(twin) as (of, channel), viewing(of, channel) as other:
        for number in range(50):
            near, far = pair()
            with near.dup(), far:
                of.add(near, channel, HEAD)
                show(channel, number, 1000)
                await other.until(number)
                Peer(far).vanish()
                await until(lambda: of.stats.viewers == 1)
                show(channel, 1000 + number)
                await other.until(1000 + number)


async def test_viewer_when_it_talks_then_it_is_not_listened_to(twin: Any) -> None:
    async with pumping(twin) as (of, channel):
        show(channel, 1)
        async with viewing(of, channel) as peer:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(WAIT_S):
                await loop.sock_sendall(peer.socket, b"GET / HTTP/1.1\r\n\r\n" * 50_000)
            show(channel, 2)
            await peer.until(2)


async def test_is_full_when_the_last_place_is_taken_then_until_one_leaves(
    twin: Any,
) -> None:
    async with (
        pumping(twin, max_viewers=2) as (of, channel),
        viewing(of, channel) as peer,
    ):
        full = [of.is_full]
        async with viewing(of, channel):
            full.append(of.is_full)
            assert channel.viewers == 2
            peer.vanish()
            await until(lambda: not of.is_full)
        assert full == [False, True]


async def test_stats_when_viewers_left_then_their_frames_still_count(
    twin: Any,
) -> None:
    async with pumping(twin) as (of, channel):
        show(channel, 1)
        async with viewing(of, channel) as peer:
            await peer.until(1)
        await until(lambda: of.stats.viewers == 0)
        stats = of.stats
        assert (stats.opened, stats.frames) == (1, 1)
        assert stats.bytes > 1000


async def test_has_turned_when_asked_again_and_again_then_always(twin: Any) -> None:
    async with pumping(twin) as (of, channel):
        assert of.has_turned()
        async with viewing(of, channel):
            assert of.has_turned()  # the thread may not have begun yet
            await until(of.has_turned)
            await until(of.has_turned)
        await until(of.has_turned)  # nobody watches: it is woken to answer


@pytest.mark.skipif(_pump_c is None, reason="the extension is not built")
async def test_has_turned_when_the_thread_has_ended_then_false() -> None:
    async with pumping(_pump_c) as (of, channel):
        async with viewing(of, channel):
            of.has_turned()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading.Thread, "is_alive", lambda _: False)
            assert not of.has_turned()


async def test_aclose_when_streams_are_open_then_they_end_and_no_thread_is_left(
    twin: Any,
) -> None:
    threads = threading.active_count()
    async with pumping(twin) as (of, channel):
        show(channel, 1, BIG_BYTES)
        async with (
            viewing(of, channel) as quick,
            viewing(of, channel, buffer_bytes=SMALL_BUFFER_BYTES) as stalled,
        ):
            await quick.until(1)
            await of.aclose()
            await of.aclose()
            assert of.stats.viewers == 0
            await quick.to_end()
            await stalled.to_end()
            assert stalled.numbers == []
        with pytest.raises(ClosedError):
            show(channel, 2)
        channel.end()
        names = [thread.name for thread in threading.enumerate()]
        assert "prusacam-pump" not in names
    assert threading.active_count() <= threads + 1  # asyncio's own for to_thread


async def test_pump_when_it_is_dropped_then_its_descriptors_are_closed(
    twin: Any,
) -> None:
    before = descriptors()
    for _ in range(20):
        async with pumping(twin) as (of, channel):
            show(channel, 1)
            async with viewing(of, channel) as peer:
                await peer.until(1)
    gc.collect()
    assert descriptors() <= before + 3


@pytest.mark.parametrize("bad", [None, "text", 5, object()])
async def test_show_when_it_is_no_buffer_then_type_error_and_nothing_is_lost(
    twin: Any, bad: Any
) -> None:
    async with pumping(twin) as (of, channel), viewing(of, channel) as peer:
        with pytest.raises(TypeError):
            channel.show(b"x", bad)
        with pytest.raises(TypeError):
            channel.show(bad, b"x")
        show(channel, 1)
        await peer.until(1)


async def test_viewers_when_they_come_and_go_then_all_see_whole_pictures(
    twin: Any,
) -> None:
    """Seeded chaos; what a viewer is shown is whole, and its numbers only rise."""
    seed = random.Random(20_261_121)
    seen = 0

    async def view(of: StreamPump, channel: Channel, rng: random.Random) -> None:
        nonlocal seen
        buffer_bytes = rng.choice((0, SMALL_BUFFER_BYTES))
        name = "one of ten" if rng.random() < 0.1 else ""
        async with viewing(of, channel, buffer_bytes=buffer_bytes, name=name) as peer:
            for _ in range(rng.randint(0, 30)):
                await peer.read(rng.choice((1, 100, 5000, 1 << 20)))
                await asyncio.sleep(rng.choice((0, 0, 0.001, 0.02)))
            if rng.random() < 0.5:
                peer.vanish()
            elif rng.random() < 0.2:
                channel.dismiss("one of ten" if rng.random() < 0.9 else None)
            assert peer.numbers == sorted(peer.numbers)
            seen += len(peer.numbers)

    async with pumping(twin) as (of, channel):
        show(channel, 0)
        number = 0
        async with asyncio.timeout(3 * WAIT_S), asyncio.TaskGroup() as viewers:
            for number in range(1, 500):
                show(channel, number, seed.choice((100, 10_000, 200_000)))
                if number % 2 == 0:
                    rng = random.Random(seed.random())
                    viewers.create_task(view(of, channel, rng))
                await asyncio.sleep(0.002)
            while of.stats.opened < 249 or of.stats.viewers:
                number += 1
                show(channel, number, 1000)
                await asyncio.sleep(0.005)
        await until(lambda: of.stats.viewers == 0)
        assert of.stats.opened == 249
        assert seen > 249


def test_twin_when_the_extension_is_built_then_it_is_the_one_in_use() -> None:
    if os.environ.get("PRUSACAM_PURE_PYTHON", "0") not in ("", "0"):
        assert pump.IMPLEMENTATION == "python"
    elif _pump_c is not None:
        assert pump.IMPLEMENTATION == "c"
        assert pump.StreamPump is _pump_c.StreamPump
        assert not hasattr(_pump_c.StreamPump(1), "_native")
