# Tests of encrypted connections.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a camera's connection is given to, and how it ends, whatever the other does."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import tls
from moonraker_prusacam.camera.sources import Host
from moonraker_prusacam.camera.tls import Pins, close_tls, connect_tls
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.errors import SourceRefused, SourceUnavailable
from tests.support.bambu import SERIAL, first_context, printer_context
from tests.support.certificates import (
    EXPIRED,
    GOOD,
    UNKNOWN_AUTHORITY,
    WRONG_HOST,
    client_context,
    server_context,
)
from tests.support.sources import closed_port
from tests.support.tls_peer import TlsPeer

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 10.0
SHORT_S = 0.1
SOON_S = 1.0


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "state")


def camera(
    address: str = "127.0.0.1", name: str = "bed", **options: Any
) -> CameraConfig:
    return CameraConfig(name, source=f"rtsps://{address}", **options)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
async def test_connect_when_the_camera_answers_then_both_can_talk(
    host: Host, address: str
) -> None:
    shown = f"[{address}]" if ":" in address else address
    config = camera(shown)
    bind = "127.0.0.1" if address == "localhost" else address
    async with TlsPeer(first_context(), host=bind) as peer:
        _, writer = await connect_tls(config, host, peer.port)
        writer.write(b"hello")
        await peer.wait_for(lambda: peer.heard == b"hello")
        await close_tls(writer)
        await peer.wait_for(lambda: peer.ends == ["took leave"])
    kept = (host.state_path / "cameras" / "bed.pin").read_text()
    assert kept.endswith(f"\nhost {address}\nname {SERIAL}\n")


async def test_connect_when_the_certificate_is_another_then_nothing_is_sent(
    host: Host,
) -> None:
    config = camera()
    async with TlsPeer(first_context()) as peer:
        _, writer = await connect_tls(config, host, peer.port)
        await close_tls(writer)
        peer.context = printer_context("01P00A999999999")
        with pytest.raises(SourceRefused) as caught:
            await connect_tls(config, host, peer.port)
        await peer.wait_for(lambda: len(peer.ends) == 2)
    assert peer.handshakes == 2
    assert peer.heard == b""
    told = re.fullmatch(
        r"127\.0\.0\.1 shows another certificate than before: "
        rf"01P00A999999999, SHA-256 \S+…; it was {SERIAL}, SHA-256 \S+…",
        str(caught.value),
    )
    assert told
    assert "prusacam camera trust bed" in caught.value.advice
    assert caught.value.least_delay_s == 30


async def test_connect_when_two_cameras_have_one_host_then_each_has_its_own_pin(
    host: Host,
) -> None:
    async with (
        TlsPeer(printer_context("A")) as one,
        TlsPeer(printer_context("B")) as two,
    ):
        for name, peer in (("a", one), ("b", two)):
            _, writer = await connect_tls(camera(name=name), host, peer.port)
            await close_tls(writer)
        for name, peer in (("a", one), ("b", two)):
            _, writer = await connect_tls(camera(name=name), host, peer.port)
            await close_tls(writer)
    names = [path.name for path in sorted((host.state_path / "cameras").iterdir())]
    assert names == ["a.pin", "b.pin"]


async def test_connect_when_nothing_listens_then_the_reason_names_the_place(
    host: Host,
) -> None:
    port = closed_port()
    with pytest.raises(SourceUnavailable, match=f"nothing listens at 127.0.0.1:{port}"):
        await connect_tls(camera(), host, port)
    with pytest.raises(SourceUnavailable, match=re.escape(f"at [::1]:{port}")):
        await connect_tls(camera("[::1]"), host, port)


async def test_connect_when_nobody_accepts_then_it_gives_up(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "CONNECT_TIMEOUT_S", SHORT_S)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        with (
            socket.create_connection(address),
            pytest.raises(SourceUnavailable, match="does not answer"),
        ):
            await connect_tls(camera(), host, address[1])


async def test_connect_when_the_name_is_none_then_the_reason_says_so(
    host: Host,
) -> None:
    with pytest.raises(
        SourceUnavailable, match=r"no host of the name in bed\.\.cam:322"
    ):
        await connect_tls(camera("bed..cam"), host, 322)


async def test_connect_when_the_handshake_never_ends_then_it_is_reset(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_TIMEOUT_S", SHORT_S)
    async with TlsPeer(None) as peer:
        with pytest.raises(SourceUnavailable) as caught:
            await connect_tls(camera(), host, peer.port)
        await peer.wait_for(lambda: peer.ends == ["reset"])
    assert "takes the connection, but does not answer in TLS" in str(caught.value)
    assert "close other programs" in caught.value.advice


async def test_connect_when_cancelled_at_any_step_then_nothing_stays_open(
    host: Host,
) -> None:
    """The other side sees the end of every connection that it saw the begin of."""
    loop = asyncio.get_running_loop()
    accepted = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        try:
            while await reader.read(4096):
                pass
        except OSError:
            pass
        accepted.remove(writer)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    begun = loop.time()
    for steps in range(40):
        task = loop.create_task(connect_tls(camera(), host, port))
        for _ in range(steps):
            await asyncio.sleep(0)
            if steps % 4 == 0:
                await asyncio.sleep(0.001)  # threads have their part in it
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(WAIT_S):
        while accepted:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert loop.time() - begun < tls.HANDSHAKE_TIMEOUT_S
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "find no common TLS"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "find no common TLS: .*handshake failure"),
    ],
)
async def test_connect_when_it_is_no_tls_then_the_reason_says_so(
    host: Host, says: bytes, reason: str
) -> None:
    async with TlsPeer(None, says=says) as peer:
        with pytest.raises(SourceUnavailable, match=reason):
            await connect_tls(camera(), host, peer.port)


async def test_connect_when_the_camera_hangs_up_then_it_broke_off(host: Host) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(SourceUnavailable, match="broke off the TLS handshake"):
        await connect_tls(camera(), host, port)
    server.close()
    await server.wait_closed()


async def test_connect_when_the_camera_knows_only_old_tls_then_refused(
    host: Host,
) -> None:
    old = printer_context()
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with TlsPeer(old) as peer:
        with pytest.raises(SourceUnavailable, match="find no common TLS"):
            await connect_tls(camera(), host, peer.port)


@pytest.mark.parametrize(
    ("quality", "reason"),
    [
        (EXPIRED, "expired"),
        (WRONG_HOST, "IP address mismatch"),
        (UNKNOWN_AUTHORITY, "local issuer"),
    ],
)
async def test_connect_when_nobody_vouches_for_it_then_verify_refuses(
    host: Host, quality: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl, "create_default_context", client_context)
    async with TlsPeer(server_context(quality)) as peer:
        with pytest.raises(SourceRefused, match=reason) as caught:
            await connect_tls(camera(certificate="verify"), host, peer.port)
    assert "certificate: pin" in caught.value.advice
    assert not host.state_path.exists()


async def test_connect_when_the_host_trusts_its_signer_then_verify_lets_it_pass(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = tmp_path / "roots.pem"
    trusted = client_context().get_ca_certs(binary_form=True)
    roots.write_text("".join(map(ssl.DER_cert_to_PEM_cert, trusted)))
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    async with TlsPeer(server_context(GOOD)) as peer:
        _, writer = await connect_tls(camera(certificate="verify"), host, peer.port)
        await close_tls(writer)
    assert not host.state_path.exists()


async def test_close_when_the_camera_never_takes_leave_then_it_is_reset_soon(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "CLOSE_TIMEOUT_S", SHORT_S)
    loop = asyncio.get_running_loop()
    async with TlsPeer(first_context(), takes_leave=False) as peer:
        _, writer = await connect_tls(camera(), host, peer.port)
        connection = writer.get_extra_info("socket")
        begun = loop.time()
        await close_tls(writer)
        assert SHORT_S <= loop.time() - begun < SOON_S
        assert connection.fileno() == -1
        await peer.wait_for(lambda: peer.ends == ["reset"])


async def test_close_when_the_camera_sends_without_end_then_it_is_closed_at_once(
    host: Host,
) -> None:
    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(bytes(1 << 20))
            await asyncio.sleep(0)
        writer.transport.abort()

    server = await asyncio.start_server(flood, "127.0.0.1", 0, ssl=first_context())
    port = server.sockets[0].getsockname()[1]
    reader, writer = await connect_tls(camera(), host, port)
    await reader.readexactly(1 << 20)
    connection = writer.get_extra_info("socket")
    begun = asyncio.get_running_loop().time()
    await close_tls(writer)
    assert asyncio.get_running_loop().time() - begun < SOON_S
    assert connection.fileno() == -1
    server.close()
    await server.wait_closed()


async def test_close_when_cancelled_then_the_connection_is_reset(host: Host) -> None:
    async with TlsPeer(first_context(), takes_leave=False) as peer:
        _, writer = await connect_tls(camera(), host, peer.port)
        task = asyncio.get_running_loop().create_task(close_tls(writer))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await peer.wait_for(lambda: peer.ends == ["reset"])


async def test_connect_when_another_port_shows_another_one_then_no_first_time(
    host: Host,
) -> None:
    contexts = printer_context("A"), printer_context("A")
    async with TlsPeer(contexts[0]) as one, TlsPeer(contexts[1]) as two:
        _, writer = await connect_tls(camera(), host, one.port)
        await close_tls(writer)
        with pytest.raises(SourceRefused, match="another certificate"):
            await connect_tls(camera(), host, two.port)
        _, writer = await connect_tls(camera(), host, one.port)
        await close_tls(writer)


async def test_pins_when_met_then_known_at_that_host_only(host: Host) -> None:
    pins = Pins(camera(), host)
    context = first_context()
    async with TlsPeer(context) as peer:
        assert await pins.known(peer.port) is None
        await pins.meet(peer.port)
        _, writer = await connect_tls(camera(), host, peer.port)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        await close_tls(writer)
        assert await pins.known(peer.port) == hashlib.sha256(der).digest()
        assert await pins.known(peer.port + 1) == hashlib.sha256(der).digest()
        assert await Pins(camera("localhost"), host).known(peer.port) is None
        peer.context = printer_context()
        with pytest.raises(SourceRefused, match="another certificate"):
            await pins.meet(peer.port)
    (host.state_path / "cameras" / "bed.pin").write_text("damaged")
    assert await pins.known(peer.port) is None
