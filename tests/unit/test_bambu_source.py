# Tests of the source of A1 and P1 printers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a printer can do to a viewer, and what the source says of it."""

from __future__ import annotations

import asyncio
import gc
import itertools
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonraker_prusacam.camera import tls
from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.sources import Host, bambu
from moonraker_prusacam.camera.sources.bambu import ChamberSource
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.emulator.bambu import Fault, FaultKind
from moonraker_prusacam.emulator.camera import read_tag
from moonraker_prusacam.errors import (
    SourceError,
    SourceRefused,
    SourceStalled,
    SourceUnavailable,
    SourceUnfit,
)
from moonraker_prusacam.secret import Secret
from tests.support.bambu import CODE, WAIT_S, chamber_camera, draw, printer_context
from tests.support.sources import Received, closed_port, source_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.camera.sources import Source
    from moonraker_prusacam.emulator.bambu import ChamberCamera

SHORT_S = 0.1
HEADER_BYTES = 16
FIRST = len(draw(1))  # bytes of the first picture
HUGE = 0xFFFFFFFF


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
async def printer(
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[ChamberCamera]:
    async with chamber_camera(monkeypatch) as camera:
        yield camera


def source(host: Host, address: str = "127.0.0.1", **options: Any) -> Source:
    options = {"access_code": Secret(CODE)} | options
    return source_of(f"bambu://{address}?model=P1S", host, **options)


async def run_until(
    frames: int, source: Source, received: Received | None = None
) -> Received:
    """Run the source until so many frames have come, and cancel it."""
    received = received or Received()
    task = asyncio.get_running_loop().create_task(source.run(received))
    waiting = asyncio.get_running_loop().create_task(received.frames(frames))
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return received


def open_descriptors() -> int:
    gc.collect()  # of earlier tests
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("model", ["A1", "A1 mini", "P1P", "p1s"])
def test_open_source_when_the_model_has_a_chamber_camera_then_that(
    model: str, host: Host
) -> None:
    url = f"bambu://printer?model={model.replace(' ', '%20')}"
    assert isinstance(source_of(url, host), ChamberSource)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_run_when_the_printer_sends_then_its_pictures_come_one_by_one(
    host: Host, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = f"[{address}]" if ":" in address else address
    received = Received()
    async with chamber_camera(monkeypatch, host=address) as camera:
        await run_until(5, source(host, shown), received)
        await camera.wait_for(lambda: camera.open == 0, WAIT_S)
    assert camera.viewers[0].verdict == "the viewer left"
    stats = received.scanner.stats
    assert (stats.junk_bytes, stats.truncated, stats.malformed) == (0, 0, 0)
    newest = received.newest
    assert newest is not None
    tag = read_tag(bytes(newest))
    assert tag is not None
    assert tag.seq == stats.frames
    assert bytes(newest) == draw(tag.seq)
    reached = received.attempt.durations_s
    assert list(reached) == [Stage.REACHABLE, Stage.AUTHENTICATED]


async def test_run_when_it_greets_then_with_80_bytes_and_no_more(
    host: Host, printer: ChamberCamera
) -> None:
    # A blank at either end is what copying makes of a code.
    await run_until(2, source(host, access_code=Secret(f" {CODE}\t")))
    (viewer,) = printer.viewers
    assert viewer.heard == (
        struct.pack("<IIII", 0x40, 0x3000, 0, 0)
        + b"bblp".ljust(32, b"\0")
        + CODE.encode().ljust(32, b"\0")
    )


@pytest.mark.parametrize("code", [None, "", "x" * 33])
async def test_run_when_the_code_cannot_be_one_then_nothing_is_connected(
    host: Host, printer: ChamberCamera, code: str | None
) -> None:
    secret = None if code is None else Secret(code)
    with pytest.raises(SourceRefused, match="1 to 32 characters") as caught:
        await source(host, access_code=secret).run(Received())
    assert "network settings" in caught.value.advice
    assert not printer.viewers


async def test_run_when_a_picture_trickles_in_then_its_times_are_true(
    host: Host, printer: ChamberCamera
) -> None:
    printer.fault = Fault(FaultKind.TRICKLE, HEADER_BYTES + FIRST - 2)
    printer.trickle_s = 0.05
    received = await run_until(1, source(host))
    newest = received.newest
    assert newest is not None
    assert 40e6 <= newest.last_ns - newest.first_ns < 5e9


async def test_run_when_nothing_listens_then_it_tells_of_the_liveview(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bambu, "PORT", closed_port())
    with pytest.raises(SourceUnavailable, match="nothing listens at 127") as caught:
        await source(host).run(Received())
    assert "LAN-only liveview" in caught.value.advice


async def test_run_when_the_handshake_never_ends_then_others_may_have_the_camera(
    host: Host, printer: ChamberCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_TIMEOUT_S", SHORT_S)
    printer.fault = Fault(FaultKind.NO_HANDSHAKE)
    with pytest.raises(SourceUnavailable, match="does not answer in TLS") as caught:
        await source(host).run(Received())
    assert "close other programs" in caught.value.advice
    await printer.wait_for(lambda: printer.open == 0, WAIT_S)
    assert printer.viewers[0].verdict == "the viewer left (ConnectionResetError)"


@pytest.mark.parametrize("closes", [True, False])
async def test_run_when_the_code_is_wrong_then_refused_with_what_to_compare(
    host: Host,
    printer: ChamberCamera,
    closes: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bambu, "READ_TIMEOUT_S", SHORT_S)
    printer.closes_on_wrong_code = closes
    received = Received()
    with pytest.raises(SourceRefused) as caught:
        await source(host, access_code=Secret("wr0ngc0d")).run(received)
    assert "access code" in str(caught.value)
    assert "compare 'access_code' with" in caught.value.advice
    # The silence has two causes that look the same from here.
    assert ("Bambu Studio" in caught.value.advice) is not closes
    assert caught.value.least_delay_s == 30
    assert list(received.attempt.durations_s) == [Stage.REACHABLE]
    await printer.wait_for(lambda: printer.open == 0, WAIT_S)


async def test_run_when_somebody_else_comes_then_the_reason_names_the_programs(
    host: Host, printer: ChamberCamera
) -> None:
    received = Received()
    loop = asyncio.get_running_loop()
    first = loop.create_task(source(host).run(received))
    await received.frames(2)
    other = loop.create_task(source(host).run(Received()))
    with pytest.raises(SourceUnavailable, match="closed the connection") as caught:
        await first
    assert "Bambu Studio" in caught.value.advice
    other.cancel()
    await asyncio.wait({other})


AT_BYTES = [
    *(0, 1, 15, 16, 17, 18, 19, HEADER_BYTES + FIRST // 2),
    *(HEADER_BYTES + FIRST - 1, HEADER_BYTES + FIRST, 2 * HEADER_BYTES + FIRST + 500),
]


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.CLOSE])
@pytest.mark.parametrize("after", AT_BYTES)
async def test_run_when_it_ends_at_any_byte_then_the_next_connection_is_whole(
    host: Host, printer: ChamberCamera, kind: FaultKind, after: int
) -> None:
    printer.fault = Fault(kind, after)
    received = Received()
    # Who says nothing at all has perhaps not liked the code; and a reset takes away
    # what has not been read yet.
    with pytest.raises(SourceError, match="closed the connection") as caught:
        await source(host).run(received)
    if kind is FaultKind.CLOSE:
        assert type(caught.value) is (SourceUnavailable if after else SourceRefused)
    frames = int(after >= HEADER_BYTES + FIRST)
    lost = {0, frames} if kind is FaultKind.RESET else {frames}
    assert received.scanner.stats.frames in lost
    printer.fault = None
    received.begin(0)
    await run_until(received.scanner.stats.frames + 2, source(host), received)
    await printer.wait_for(lambda: printer.open == 0, WAIT_S)
    assert printer.most_open == 1


@pytest.mark.parametrize("kind", [FaultKind.SILENCE, FaultKind.TRICKLE])
@pytest.mark.parametrize("after", AT_BYTES)
async def test_run_when_no_whole_picture_comes_then_it_is_stalled(
    host: Host,
    printer: ChamberCamera,
    kind: FaultKind,
    after: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bambu, "READ_TIMEOUT_S", 3 * SHORT_S)
    printer.trickle_s = SHORT_S
    printer.fault = Fault(kind, after)
    received = Received()
    heard = after or kind is FaultKind.TRICKLE
    with pytest.raises(SourceStalled if heard else SourceRefused) as caught:
        await source(host).run(received)
    assert caught.value.advice
    await printer.wait_for(lambda: printer.open == 0, WAIT_S)


@pytest.mark.parametrize("size", [0, (8 << 20) + 1, HUGE])
@pytest.mark.parametrize("after", [0, 2])
async def test_run_when_a_size_makes_no_sense_then_unfit_and_not_waited_for(
    host: Host, printer: ChamberCamera, size: int, after: int
) -> None:
    printer.fault = Fault(FaultKind.WRONG_SIZE, after, size)
    received = Received()
    with pytest.raises(SourceUnfit, match=f"a picture of {size} bytes"):
        await source(host).run(received)
    assert received.scanner.stats.frames == after


async def test_run_when_it_is_no_jpeg_then_unfit_and_not_shown(
    host: Host, printer: ChamberCamera
) -> None:
    printer.fault = Fault(FaultKind.GARBAGE, 1)
    received = Received()
    with pytest.raises(SourceUnfit, match="something else than JPEGs"):
        await source(host).run(received)
    assert received.scanner.stats.bytes_in == FIRST


@pytest.mark.parametrize("kind", [FaultKind.DAMAGED, FaultKind.TRUNCATED])
async def test_run_when_every_picture_is_damaged_then_unfit_after_some(
    host: Host, printer: ChamberCamera, kind: FaultKind
) -> None:
    printer.fault = Fault(kind, 1)
    with pytest.raises(SourceUnfit, match="break off or are damaged"):
        await source(host).run(Received())
    assert printer.viewers[0].pictures >= bambu.MOST_FRUITLESS


async def test_run_when_one_picture_is_truncated_then_the_next_ones_are_good(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw_third_badly(number: int) -> bytes:
        picture = draw(number)
        return picture[: len(picture) * 9 // 10] if number % 3 == 0 else picture

    async with chamber_camera(monkeypatch, draw=draw_third_badly):
        received = await run_until(30, source(host))
    stats = received.scanner.stats
    assert stats.truncated in (stats.frames // 2, stats.frames // 2 - 1)
    assert stats.malformed == 0


async def test_run_when_the_certificate_has_changed_then_no_byte_of_the_code_is_sent(
    host: Host, printer: ChamberCamera
) -> None:
    await run_until(1, source(host))
    printer.context = printer_context()
    with pytest.raises(SourceRefused, match="another certificate"):
        await source(host).run(Received())
    with pytest.raises(SourceRefused, match="another certificate") as caught:
        await source(host).run(Received())
    assert "prusacam camera trust bed" in caught.value.advice
    await printer.wait_for(lambda: printer.open == 0, WAIT_S)
    assert [viewer.heard for viewer in printer.viewers[1:]] == [b"", b""]
    assert all(viewer.verdict.startswith("left") for viewer in printer.viewers[1:])


async def test_run_when_a_rate_is_wanted_then_the_rest_is_not_looked_at(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chamber_camera(monkeypatch, fps=50.0) as camera:
        received, begin_s = Received(), time.monotonic()
        task = asyncio.get_running_loop().create_task(
            source(host, fps=10.0).run(received)
        )
        await camera.wait_for(
            lambda: bool(camera.viewers) and camera.viewers[0].pictures >= 50, WAIT_S
        )
        task.cancel()
        await asyncio.wait({task})
    most = 10 * (time.monotonic() - begin_s) + 4
    assert 4 <= received.scanner.stats.frames <= most
    assert received.scanner.stats.bytes_in < most * 3000


async def test_run_when_the_camera_has_just_the_wanted_rate_then_nothing_is_lost(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chamber_camera(monkeypatch, fps=20.0) as camera:
        received = await run_until(20, source(host, fps=20.0))
        assert camera.viewers[0].pictures - received.scanner.stats.frames <= 2


def packet(picture: bytes) -> bytes:
    return struct.pack("<IIII", len(picture), 0, 1, 0) + picture


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.integers(1, 5).map(lambda number: packet(draw(number))),
            st.binary(max_size=40),
            st.binary(max_size=40).map(lambda text: packet(b"\xff\xd8\xff" + text)),
        ),
        max_size=6,
    ),
    st.integers(1, 700),
)
def test_viewing_when_anything_comes_then_it_ends_with_a_reason(
    pieces: list[bytes], step: int
) -> None:
    """And what came whole before that was shown, however it was cut on its way."""
    stream = b"".join(pieces)
    received = Received()

    async def view() -> None:
        reader = asyncio.StreamReader()
        config = CameraConfig("bed", source="bambu://printer?model=A1")
        viewing = bambu._Viewing(config, reader, received)
        task = asyncio.get_running_loop().create_task(viewing.run())
        for place in range(0, len(stream), step):
            reader.feed_data(stream[place : place + step])
            await asyncio.sleep(0)
        reader.feed_eof()
        await task

    with pytest.raises(SourceError):
        asyncio.run(view())
    good = {packet(draw(number)) for number in range(1, 6)}
    whole = len(list(itertools.takewhile(good.__contains__, pieces)))
    assert received.scanner.stats.frames >= whole


@pytest.mark.parametrize("error", [TimeoutError, ConnectionError, ValueError])
async def test_run_when_a_consumer_fails_then_its_error_is_not_the_cameras(
    host: Host, printer: ChamberCamera, error: type[Exception]
) -> None:
    with pytest.raises(error, match="in the consumer") as caught:
        await source(host).run(Received(error("in the consumer")))
    assert not isinstance(caught.value, SourceError)
    await printer.wait_for(lambda: printer.open == 0, WAIT_S)


async def test_run_when_there_are_two_printers_then_both_show_their_own(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        chamber_camera(monkeypatch) as one,
        # At the same port, which all printers have.
        chamber_camera(
            monkeypatch,
            host="127.0.0.2",
            port=one.port,
            context=printer_context("01S"),
            access_code="an0therc",
        ) as two,
    ):
        sources = (
            source(host),
            source(host, "127.0.0.2", access_code=Secret("an0therc")),
        )
        await asyncio.gather(*(run_until(3, one) for one in sources))
    assert (len(one.viewers), len(two.viewers)) == (1, 1)


async def test_run_when_200_connections_end_then_nothing_is_left_of_them(
    host: Host, printer: ChamberCamera
) -> None:
    received = Received()
    tasks = len(asyncio.all_tasks())
    descriptors = 0
    for number in range(200):
        kind = FaultKind.RESET if number % 2 else FaultKind.CLOSE
        printer.fault = Fault(kind, 2 * (HEADER_BYTES + FIRST) + number)
        received.begin(0)
        with pytest.raises(SourceError, match="closed the connection"):
            await source(host).run(received)
        await printer.wait_for(lambda: printer.open == 0, WAIT_S)
        if number == 10:
            descriptors = open_descriptors()
    assert open_descriptors() == descriptors
    assert len(asyncio.all_tasks()) == tasks
    assert printer.most_open == 1
    assert received.scanner.stats.frames >= 100  # a reset may take away the rest
