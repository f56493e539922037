# Encrypted connections to cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connects to a camera by TLS, and knows whom it is connected to before it speaks.

A certificate is verified as a browser does it, or pinned: compared with the one of the
first time. Then nobody vouches for it, so all of verification is off: the authority of
Bambu Lab is one that newer Pythons do not even accept as such.

The first certificate is remembered as soon as the handshake is over, not when the
camera has shown a picture. Passwords are sent right after the handshake: whoever
answered first has them in any case, and by a later pin every stranger would get a try.

TLS 1.2 is the least, with the ciphers that Python takes for good: as in other Python
programs, which printers are content with.

A printer whose connections are all taken accepts one more, answers nothing, and begins
to serve it when it was long given up; and it feeds an orphan for 20 minutes, until TCP
gives up. So every connection ends with a reset, which no queue outlives: at once where
it came to nothing, else after a second at most for taking leave.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import SourceError, SourceRefused, SourceUnavailable

from .certificate import certificate
from .dial import CONNECT_TIMEOUT_S, connect, explain
from .pins import Pin, PinDamaged, PinStore

if TYPE_CHECKING:
    from asyncio.trsock import TransportSocket

    from moonraker_prusacam.camera_options import CameraConfig

    from .sources import Host

HANDSHAKE_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
RESET = struct.pack("ii", 1, 0)
LINGER = struct.pack("ii", 0, 0)

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect_tls(config: CameraConfig, host: Host, port: int) -> Connection:
    """Connect to the host in ``config`` at ``port``; ``close_tls`` ends it.

    Nothing has been sent beyond the handshake. Raises SourceUnavailable when there is
    no answer, SourceRefused when it is not the right one who answers.
    """
    name = config.source.host
    where = place(name, port)
    context = await asyncio.to_thread(_context, config.pins_certificate)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            connection = await connect(name, port)
    except (TimeoutError, OSError) as error:
        raise explain(error, where) from error
    except UnicodeError as error:
        raise explain(socket.gaierror(), where) from error
    reader, writer = await _shake_hands(connection, context, name, where)
    try:
        if config.pins_certificate:
            shown = Pin(certificate(_der(writer)), name)
            await asyncio.to_thread(_store(config, host).admit, shown)
    except BaseException:
        await close_tls(writer)
        raise
    return reader, writer


async def close_tls(writer: asyncio.StreamWriter) -> None:
    """Close the connection, and return when it is closed: CLOSE_TIMEOUT_S at most."""
    # What the other side has not taken by then, it does not want.
    if connection := writer.get_extra_info("socket"):
        _let_close_reset(connection)
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass  # it did not take leave, and asyncio gave up waiting for that
    except BaseException:
        writer.transport.abort()
        raise


class Pins:
    """A camera's certificate, for connections that others make."""

    def __init__(self, config: CameraConfig, host: Host) -> None:
        self._config = config
        self._host = host

    async def known(self, port: int) -> bytes | None:  # noqa: ARG002 - at any
        """SHA-256 of the certificate at ``port``; None: ask ``meet``."""
        store = _store(self._config, self._host)
        try:
            pin = await asyncio.to_thread(store.known)
        except (PinDamaged, OSError):
            return None
        if pin is None or pin.host != self._config.source.host:
            return None
        return pin.certificate.sha256

    async def meet(self, port: int) -> None:
        """Connect, and remember the first certificate, or refuse another one.

        Nothing is sent. Raises SourceError.
        """
        _, writer = await connect_tls(self._config, self._host, port)
        await close_tls(writer)


def place(host: str, port: int) -> str:
    """Host and port, for people."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _store(config: CameraConfig, host: Host) -> PinStore:
    return PinStore(host.state_path, config.name)


def _context(pins: bool) -> ssl.SSLContext:
    """Reads this host's list of authorities, so it blocks."""
    if not pins:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _shake_hands(
    connection: socket.socket, context: ssl.SSLContext, name: str, where: str
) -> Connection:
    """``connection`` is not the caller's any more; raises SourceError."""
    _let_close_reset(connection)
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                sock=connection,
                ssl=context,
                server_hostname=name.partition("%")[0],  # fe80::1%eth0
                ssl_shutdown_timeout=CLOSE_TIMEOUT_S,
            )
    except BaseException as error:
        try:
            await asyncio.sleep(0)  # now asyncio closes it
        finally:
            # But it goes on with what was cancelled before it began, until it ends.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if isinstance(error, OSError):
            raise _explain_handshake(error, where) from error
        raise
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    return reader, writer


def _explain_handshake(error: OSError, where: str) -> SourceError:
    if isinstance(error, TimeoutError):
        return SourceUnavailable(
            f"{where} takes the connection, but does not answer in TLS",
            advice="close other programs that show this camera, and restart it",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return SourceRefused(
            f"nobody whom this host trusts vouches for the certificate of {where}: "
            f"{error.verify_message}",
            advice="let this host trust who signed it; or set certificate: pin",
        )
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "").replace("_", " ").lower()
        return SourceUnavailable(
            f"{where} and this host find no common TLS: {reason or 'it breaks off'}",
            advice="compare port and scheme; does the camera have newer firmware?",
        )
    return SourceUnavailable(
        f"{where} broke off the TLS handshake",
        advice="close other programs that show this camera, and restart it",
    )


def _der(writer: asyncio.StreamWriter) -> bytes:
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    if not isinstance(shown, bytes):
        raise SourceRefused("the camera shows no certificate")
    return shown


def _let_close_reset(connection: socket.socket | TransportSocket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
