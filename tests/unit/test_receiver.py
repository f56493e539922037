# Tests of a camera's receiver and of both twins of its intake.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Descriptors that end, break and fall silent; frames for those who ask for them."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import socket
import sys
import weakref
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import _intake_py, _scanner_py, intake, receiver
from moonraker_prusacam.camera.receiver import Broken, Receiver, Silence
from tests.support import jpeg, twins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from moonraker_prusacam.camera import Frame

_intake_c: Any
try:
    _intake_c = importlib.import_module("moonraker_prusacam.camera._intake_c")
except ImportError:
    _intake_c = None

WAIT_S = 10.0
SHORT_S = 0.05
LOOK_S = 0.002
NEVER_S = 3600.0
PICTURE = jpeg.picture(64, 48)
SEVERAL = [jpeg.picture(64, 48, seed=seed) for seed in range(6)]
TWINS = [
    pytest.param((_intake_py.Intake, _scanner_py.Scanner), id="python"),
    pytest.param(
        None if _intake_c is None else (_intake_c.Intake, twins.COMPILED.Scanner),
        id="c",
        marks=pytest.mark.skipif(_intake_c is None, reason="not compiled"),
    ),
]
needs_compiled = pytest.mark.skipif(_intake_c is None, reason="not compiled")


class Bench:
    """A receiver that reads one end of a socket pair; the test has the other."""

    def __init__(self, scanner: Any) -> None:
        self.scanner = scanner
        self.frames: list[Frame] = []
        self.receiver = Receiver(scanner, self.frames_came)
        self.ours, theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.descriptor = theirs.detach()
        self.task: asyncio.Task[None] | None = None
        self.error: Exception | None = None

    def frames_came(self, frames: list[Frame]) -> None:
        if self.error is not None:
            raise self.error
        self.frames += frames

    def read(self, silence_s: float = NEVER_S) -> asyncio.Task[None]:
        self.task = asyncio.create_task(self.receiver.read(self.descriptor, silence_s))
        return self.task

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(WAIT_S):
            await asyncio.get_running_loop().sock_sendall(self.ours, data)

    async def left(self) -> None:
        """Wait until the receiver has closed its end."""
        async with asyncio.timeout(WAIT_S):
            with suppress(ConnectionResetError):
                assert not await asyncio.get_running_loop().sock_recv(self.ours, 1)

    async def until(self, condition: Callable[[], object]) -> None:
        """A thread does not tell what it has done, so it is looked at."""
        async with asyncio.timeout(WAIT_S):
            while True:
                if condition():
                    return
                await asyncio.sleep(LOOK_S)

    def seq(self) -> int:
        newest = self.receiver.newest
        return 0 if newest is None else newest.seq


@pytest.fixture(params=TWINS)
async def bench(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    intake_twin, scanner_twin = request.param
    monkeypatch.setattr(receiver, "Intake", intake_twin)
    async with benched(scanner_twin()) as made:
        yield made


@asynccontextmanager
async def benched(scanner: Any) -> AsyncIterator[Bench]:
    made = Bench(scanner)
    try:
        yield made
    finally:
        made.ours.close()
        if made.task is None:
            os.close(made.descriptor)
        else:
            made.task.cancel()
            await asyncio.gather(made.task, return_exceptions=True)


async def test_read_when_frames_come_then_the_newest_is_there(bench: Bench) -> None:
    task = bench.read()
    await bench.send(b"".join(SEVERAL) + PICTURE[:50])
    await bench.until(lambda: bench.seq() == 6)
    newest = bench.receiver.newest
    assert newest is not None
    assert newest is bench.receiver.newest
    assert bytes(newest) == SEVERAL[-1]
    assert len(bench.receiver.recent_ns) == 6
    assert bench.receiver.recent_ns[-1] == (newest.first_ns, newest.last_ns)
    assert bench.scanner.stats.frames == 6
    assert not task.done()


async def test_read_when_bytes_were_fed_before_then_frames_and_counters_go_on(
    bench: Bench,
) -> None:
    bench.receiver.feed(SEVERAL[0] + SEVERAL[1][:100])
    bench.read()
    await asyncio.sleep(0)
    assert bench.receiver.stats.frames == 1
    assert bench.receiver.stats.bytes_in == len(SEVERAL[0]) + 100
    await bench.send(SEVERAL[1][100:])
    await bench.until(lambda: len(bench.frames) == 2)  # counted before it is handed on
    assert bytes(bench.frames[-1]) == SEVERAL[1]
    assert bench.receiver.stats.frames == 2


async def test_read_when_every_frame_is_wanted_then_each_is_told_in_order(
    bench: Bench,
) -> None:
    bench.receiver.want_all(True)
    bench.read()
    for picture in SEVERAL:
        await bench.send(picture)
    await bench.until(lambda: len(bench.frames) == 6)
    assert [bytes(frame) for frame in bench.frames] == SEVERAL
    assert bench.frames[-1] is bench.receiver.newest
    assert bench.receiver.overrun == 0


async def test_read_when_nobody_asks_then_the_first_frame_is_told(bench: Bench) -> None:
    bench.read()
    await bench.send(PICTURE[:100])
    await bench.send(PICTURE[100:])
    await bench.until(lambda: bench.frames)
    assert bench.frames[0].seq == 1


async def test_want_next_when_it_is_there_already_then_it_is_told(
    bench: Bench,
) -> None:
    bench.read()
    await bench.send(SEVERAL[0])
    await bench.until(lambda: bench.frames)
    await bench.send(SEVERAL[1])
    await bench.until(lambda: bench.seq() == 2)
    bench.receiver.want_next()
    await bench.until(lambda: bench.frames[-1].seq == 2)
    bench.receiver.want_next()
    await bench.send(SEVERAL[2])
    await bench.until(lambda: bench.frames[-1].seq == 3)
    assert len({frame.seq for frame in bench.frames}) == len(bench.frames)


async def test_read_when_the_stream_ends_then_it_returns_after_its_last_frame(
    bench: Bench,
) -> None:
    bench.receiver.want_all(True)
    task = bench.read()
    await bench.send(b"".join(SEVERAL))
    bench.ours.close()
    async with asyncio.timeout(WAIT_S):
        await task
    assert len(bench.frames) == 6


async def test_read_when_nothing_comes_then_it_is_silence(bench: Bench) -> None:
    task = bench.read(SHORT_S)
    await bench.send(PICTURE[:10])
    with pytest.raises(Silence):
        await task
    await bench.left()


async def test_read_when_the_descriptor_breaks_then_the_cause_is_told(
    bench: Bench,
) -> None:
    reading, writing = os.openpty()  # its slave's end is an error, EIO
    os.close(bench.descriptor)
    bench.descriptor = reading
    task = bench.read()
    os.close(writing)
    with pytest.raises(Broken) as caught:
        await task
    assert isinstance(caught.value.__cause__, OSError)


async def test_read_when_it_is_cancelled_then_the_descriptor_is_closed(
    bench: Bench,
) -> None:
    task = bench.read()
    await bench.send(PICTURE)
    await bench.until(lambda: bench.seq() == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bench.left()


@pytest.mark.parametrize("error", [TimeoutError, ConnectionError, ValueError])
async def test_read_when_who_is_told_fails_then_that_is_raised(
    bench: Bench, error: type[Exception]
) -> None:
    bench.error = error("in the consumer")
    task = bench.read()
    await bench.send(PICTURE)
    with pytest.raises(error, match="in the consumer"):
        await task
    await bench.left()


async def test_read_when_the_descriptor_cannot_be_read_then_it_is_an_error(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    closed = os.open(tmp_path / "file", os.O_RDONLY)
    os.close(closed)
    with pytest.raises(OSError, match="cannot be read"):
        await bench.receiver.read(closed, WAIT_S)


async def test_begin_when_frames_are_to_be_skipped_then_nobody_sees_them(
    bench: Bench,
) -> None:
    bench.receiver.begin(3)
    bench.receiver.want_all(True)
    bench.read()
    await bench.send(SEVERAL[0] + SEVERAL[1])
    await bench.until(lambda: bench.scanner.stats.frames == 2)
    assert bench.receiver.newest is None
    assert bench.receiver.recent_ns == []
    await bench.send(SEVERAL[2] + SEVERAL[3] + SEVERAL[4])
    await bench.until(lambda: len(bench.frames) == 2)
    assert [bytes(frame.data) for frame in bench.frames] == SEVERAL[3:5]
    assert len(bench.receiver.recent_ns) == 2


async def test_feed_when_frames_are_to_be_skipped_then_nobody_sees_them(
    bench: Bench,
) -> None:
    bench.receiver.begin(2)
    bench.receiver.feed(b"".join(SEVERAL[:3]))
    assert [bytes(frame.data) for frame in bench.frames] == SEVERAL[2:3]
    bench.receiver.begin(1)
    bench.receiver.feed(SEVERAL[0])
    assert bench.seq() == 3
    bench.receiver.begin(0)
    bench.receiver.feed(SEVERAL[0])
    assert bench.seq() == 5


async def test_read_when_another_follows_then_frames_go_on(bench: Bench) -> None:
    bench.read()
    await bench.send(SEVERAL[0] + SEVERAL[1][:99])
    await bench.until(lambda: bench.seq() == 1)
    assert bench.task is not None
    bench.task.cancel()
    await asyncio.gather(bench.task, return_exceptions=True)
    bench.receiver.begin(0)
    bench.ours.close()
    bench.ours, theirs = socket.socketpair()
    bench.ours.setblocking(False)
    bench.descriptor = theirs.detach()
    bench.read()
    await bench.send(SEVERAL[2])
    await bench.until(lambda: bench.seq() == 2)
    newest = bench.receiver.newest
    assert newest is not None
    assert bytes(newest) == SEVERAL[2]
    bench.receiver.want_next()
    await bench.until(lambda: bench.frames[-1].seq == 2)


async def test_read_when_it_is_a_pipe_then_that_is_read_as_well(bench: Bench) -> None:
    os.close(bench.descriptor)
    bench.descriptor, writing = os.pipe()
    task = bench.read()
    child = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-c",
            "import sys; sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))",
        ),
        PICTURE.hex(),
        stdout=writing,
    )
    os.close(writing)
    async with asyncio.timeout(WAIT_S):
        await task
        await child.wait()
    assert bytes(bench.frames[-1]) == PICTURE


async def test_feed_when_frames_come_then_they_are_told_at_once(bench: Bench) -> None:
    bench.receiver.feed(SEVERAL[0] + SEVERAL[1] + SEVERAL[2][:20])
    assert [bytes(frame) for frame in bench.frames] == SEVERAL[:2]
    assert bench.receiver.newest is bench.frames[-1]
    bench.receiver.feed(SEVERAL[2][20:])
    assert bench.seq() == 3


async def test_receiver_when_it_is_dropped_then_nothing_of_it_stays(
    bench: Bench,
) -> None:
    bench.receiver.feed(PICTURE)
    bench.frames.clear()
    gone = weakref.ref(bench.receiver)
    del bench.receiver
    gc.collect()
    assert gone() is None


@needs_compiled
async def test_read_when_the_loop_stalls_then_the_newest_frames_are_kept() -> None:
    async with benched(twins.COMPILED.Scanner(max_slots=256)) as bench:
        bench.receiver.want_all(True)
        bench.read()
        await asyncio.sleep(0)  # the task begins; from now on the loop does not turn
        bench.ours.setblocking(True)
        for number in range(1, 121):
            bench.ours.sendall(SEVERAL[number % 6])
            while bench.seq() < number:
                os.sched_yield()
        bench.ours.setblocking(False)
        assert bench.receiver.overrun == 120 - 32
        await bench.until(lambda: bench.frames)
        assert [frame.seq for frame in bench.frames] == list(range(89, 121))


@needs_compiled
async def test_newest_when_the_loop_never_turns_then_frames_come_nevertheless() -> None:
    async with benched(twins.COMPILED.Scanner()) as bench:
        bench.read()
        await asyncio.sleep(0)  # the task begins
        for number, picture in enumerate(SEVERAL, 1):
            bench.ours.send(picture)
            while bench.seq() < number:
                os.sched_yield()
        assert bench.frames == []


def test_intake_in_use_is_the_compiled_one_where_there_is_one() -> None:
    pure = os.environ.get("PRUSACAM_PURE_PYTHON", "") not in ("", "0")
    expected = _intake_py if pure or _intake_c is None else _intake_c
    assert intake.Intake is expected.Intake
