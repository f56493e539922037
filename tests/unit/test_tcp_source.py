# Tests of the TCP source.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a feed can do to a connection, and what the source says of it."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from contextlib import suppress

import pytest

from moonraker_prusacam.camera import frame_watch
from moonraker_prusacam.camera.sources import tcp
from moonraker_prusacam.camera.sources.tcp import TcpSource
from moonraker_prusacam.errors import SourceStalled, SourceUnavailable
from tests.support import jpeg
from tests.support.feeder import Feeder
from tests.support.sources import Received, closed_port, source_of

WAIT_S = 10.0
SHORT_S = 0.05


def test_open_source_when_the_scheme_is_tcp_then_it_is_a_tcp_source() -> None:
    assert isinstance(source_of("tcp://127.0.0.1:9000"), TcpSource)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_run_when_a_feed_sends_then_its_bytes_come_in_order(host: str) -> None:
    received = Received()
    async with Feeder(host) as feeder:
        task = asyncio.create_task(source_of(feeder.url).run(received))
        await feeder.arrived(1)
        image = jpeg.minimal(
            entropy=random.Random(5).randbytes(700_000).replace(b"\xff", b"x")
        )
        for piece in (image[:2], image[2:600_000], image[600_000:]):
            await feeder.send(piece)
        await received.until(len(image))
        newest = received.newest
        assert newest is not None
        assert bytes(newest) == image
        await feeder.close()
        with pytest.raises(SourceUnavailable, match="closed the connection"):
            await task


async def test_run_when_nothing_listens_then_the_reason_names_the_place() -> None:
    port = closed_port()
    with pytest.raises(SourceUnavailable, match=f"nothing listens at 127.0.0.1:{port}"):
        await source_of(f"tcp://127.0.0.1:{port}").run(Received())


async def test_run_when_the_address_is_ipv6_then_the_reason_has_it_in_brackets() -> (
    None
):
    port = closed_port()
    with pytest.raises(SourceUnavailable, match=re.escape(f"[::1]:{port}")):
        await source_of(f"tcp://[::1]:{port}").run(Received())


async def test_run_when_there_is_no_such_host_then_the_reason_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SourceUnavailable, match="no host of the name in bedcam:9000"):
        await source_of("tcp://bedcam").run(Received())


async def test_run_when_nobody_accepts_then_it_gives_up_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp, "CONNECT_TIMEOUT_S", SHORT_S)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        # The one place of the queue is taken, so the kernel ignores whoever comes next.
        with (
            socket.create_connection(address),
            pytest.raises(SourceUnavailable, match="does not answer"),
        ):
            await source_of(f"tcp://127.0.0.1:{address[1]}").run(Received())


@pytest.mark.parametrize("silent_from_the_start", [True, False])
async def test_run_when_a_feed_is_silent_then_it_is_stalled_and_let_go(
    silent_from_the_start: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "READ_TIMEOUT_S", SHORT_S)
    received = Received()
    async with Feeder() as feeder:
        of = source_of(feeder.url, stale_after_s=SHORT_S)
        task = asyncio.create_task(of.run(received))
        await feeder.arrived(1)
        if not silent_from_the_start:
            await feeder.send(b"\xff\xd8\xff")
        with pytest.raises(SourceStalled, match="is connected, but has sent nothing"):
            await task
        await feeder.left()
    assert received.scanner.stats.bytes_in == (0 if silent_from_the_start else 3)


@pytest.mark.parametrize(
    "octets", [b"\xff\xd8", b"<html></html>\r\n", jpeg.picture(64, 48)[:300]]
)
async def test_run_when_bytes_come_but_no_picture_then_it_is_stalled_and_let_go(
    octets: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trickle, a page, pictures that break off: none of it is silence."""
    monkeypatch.setattr(tcp, "FRAME_TIMEOUT_S", 10 * SHORT_S)
    monkeypatch.setattr(frame_watch, "LOOK_S", SHORT_S)
    async with Feeder() as feeder:
        of = source_of(feeder.url, stale_after_s=SHORT_S)
        task = asyncio.create_task(of.run(Received()))
        await feeder.arrived(1)
        while not task.done():
            with suppress(OSError):
                await feeder.send(octets)
            await asyncio.wait([task], timeout=SHORT_S / 5)
        with pytest.raises(SourceStalled, match="no whole JPEG in"):
            await task
        await feeder.left()


async def test_run_when_pictures_are_rare_by_configuration_then_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp, "READ_TIMEOUT_S", SHORT_S)
    monkeypatch.setattr(tcp, "FRAME_TIMEOUT_S", SHORT_S)
    monkeypatch.setattr(frame_watch, "LOOK_S", SHORT_S)
    received = Received()
    async with Feeder() as feeder:
        of = source_of(feeder.url, stale_after_s=WAIT_S)
        task = asyncio.create_task(of.run(received))
        await feeder.arrived(1)
        done, _ = await asyncio.wait([task], timeout=6 * SHORT_S)
        assert not done
        await feeder.send(jpeg.picture(64, 48))
        await received.frames(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_run_when_a_feed_resets_then_it_dropped_the_connection() -> None:
    received = Received()
    async with Feeder() as feeder:
        task = asyncio.create_task(source_of(feeder.url).run(received))
        await feeder.arrived(1)
        await feeder.send(b"\xff\xd8")
        await received.until(2)
        await feeder.reset()
        with pytest.raises(SourceUnavailable, match="dropped the connection"):
            await task


async def test_run_when_cancelled_then_the_connection_is_closed() -> None:
    received = Received()
    async with Feeder() as feeder:
        task = asyncio.create_task(source_of(feeder.url).run(received))
        await feeder.arrived(1)
        await feeder.send(b"\xff")
        await received.until(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await feeder.left()


@pytest.mark.parametrize("error", [TimeoutError, ConnectionError, ValueError])
async def test_run_when_a_consumer_fails_then_its_error_is_not_the_feeds(
    error: type[Exception],
) -> None:
    received = Received(error("in the consumer"))
    async with Feeder() as feeder:
        task = asyncio.create_task(source_of(feeder.url).run(received))
        await feeder.arrived(1)
        await feeder.send(jpeg.minimal())
        with pytest.raises(error, match="in the consumer"):
            await task
        await feeder.left()


async def test_run_when_the_name_cannot_be_one_then_the_reason_says_so() -> None:
    with pytest.raises(SourceUnavailable, match=r"name in bed\.\.cam:9000"):
        await source_of("tcp://bed..cam").run(Received())


async def test_run_when_the_first_address_is_dead_then_the_next_one_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name may have an address of IPv6 that leads nowhere."""
    received = Received()
    async with Feeder() as feeder:
        with socket.socket(socket.AF_INET6) as full:
            full.bind(("::1", 0))
            full.listen(0)
            with socket.create_connection(full.getsockname()[:2]):
                where = [
                    (socket.AF_INET6, full.getsockname()),
                    (socket.AF_INET, ("127.0.0.1", feeder.port)),
                ]
                found = [(of, socket.SOCK_STREAM, 6, "", at) for of, at in where]
                monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
                task = asyncio.create_task(source_of("tcp://bedcam").run(received))
                await feeder.arrived(1)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
