# The way to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name, secure connection and clock, each looked at by itself.

The clock is compared with the ``Date`` of the server's answer. It is asked without a
look at the certificate, because a clock that is years off makes every certificate
invalid; nothing secret is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from moonraker_prusacam.version import __version__

from .finding import Finding, State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]

MAX_HEAD_BYTES = 64 << 10
CLOSE_TIMEOUT_S = 1.0
DAY_S = 86400.0
TOLERATED_SKEW_S = 60.0
GRAVE_SKEW_S = DAY_S
CERTIFICATE_WARNING_DAYS = 3
PORTS = {"http": 80, "https": 443}

SET_CLOCK = (
    "let the host set its clock by the network: sudo timedatectl set-ntp true, then "
    "look at 'timedatectl'"
)
NO_NETWORK = (
    "look at the host's network: cable or Wi-Fi, 'ip route', and whether a firewall "
    "lets it out"
)
NO_TLS = (
    "look at 'server' in prusacam.conf: its port should speak TLS; and whether a proxy "
    "or a firewall stands in between"
)
STRANGER = (
    "sudo apt install --reinstall ca-certificates; when that does not help, a proxy or "
    "a firewall stands in between and reads along"
)
ELSEWHERE = (
    "look at 'server' in prusacam.conf; when it is right, the network leads elsewhere: "
    "a login page of the Wi-Fi, or a changed name server"
)
CLOSED = (
    "look at 'server' in prusacam.conf; when it is right, the service is down or a "
    "firewall refuses"
)
# OpenSSL's X509_V_ERR_* (x509_vfy.h), as far as a user can do something about them.
NOT_YET_VALID, EXPIRED, HOST_MISMATCH, ADDRESS_MISMATCH = 9, 10, 62, 64
UNKNOWN_ISSUER = (2, 18, 19, 20, 21)


@attrs.frozen
class Server:
    """Where a request goes."""

    host: str
    port: int
    is_secure: bool

    @classmethod
    def parse(cls, url: str) -> Server:
        """The server of an address that the configuration has checked."""
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
        return cls(parts.hostname or "", port, parts.scheme == "https")

    @property
    def is_address(self) -> bool:
        """Whether the host is given as a number."""
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(self.host)
            return True
        return False

    @property
    def is_local(self) -> bool:
        """Whether what is sent stays on this machine."""
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost"


async def examine_dns(server: Server) -> Sequence[Finding]:
    """Whether the server's name is known."""
    if server.is_address:
        return [Finding("dns", State.SKIPPED, "an address, no name", None, server.host)]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM
        )
    except socket.gaierror as error:
        if error.errno == socket.EAI_NONAME:
            trouble = "there is no such name"
            remedy = (
                "look at 'server' in prusacam.conf; when it is right, the host's name "
                "server does not know it: see /etc/resolv.conf"
            )
        else:
            trouble = "no name server answers"
            remedy = NO_NETWORK + "; then at the name servers in /etc/resolv.conf"
        return [Finding("dns", State.FAILED, trouble, remedy, server.host)]
    count = len({address[0] for *_, address in found})
    many = "1 address" if count == 1 else f"{count} addresses"
    return [Finding("dns", State.OK, f"known, {many}", None, server.host)]


async def examine_tls(server: Server) -> Sequence[Finding]:
    """Whether a connection can be made, and its certificate is valid."""
    state, found, remedy = await _look_at_connection(server)
    return [Finding("tls", state, found, remedy, server.host)]


async def examine_clock(server: Server) -> Sequence[Finding]:
    """How far this host's clock is from the server's."""

    def finding(state: State, found: str, remedy: str | None = None) -> list[Finding]:
        return [Finding("clock", state, found, remedy)]

    try:
        theirs_s = await _date_of(server)
    except OSError:
        return finding(State.SKIPPED, f"{server.host} cannot be asked for the time")
    if theirs_s is None:
        return finding(State.SKIPPED, f"{server.host} does not tell the time")
    skew_s = time.time() - theirs_s
    distance_s = abs(skew_s)
    if distance_s <= TOLERATED_SKEW_S:
        return finding(State.OK, f"right, by {server.host}")
    side = "ahead of" if skew_s > 0 else "behind"
    found = f"this host's clock is {duration(distance_s)} {side} that of {server.host}"
    grave = distance_s >= GRAVE_SKEW_S
    return finding(State.FAILED if grave else State.WARNING, found, SET_CLOCK)


def duration(seconds: float) -> str:
    """A time span in words, in its largest unit."""
    for size, unit in ((DAY_S, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= size:
            number = f"{seconds / size:.1f}".removesuffix(".0")
            return f"{number} {unit}{'' if number == '1' else 's'}"
    return f"{seconds:.0f} s"


@contextlib.asynccontextmanager
async def _connected(
    server: Server, context: ssl.SSLContext | None
) -> AsyncIterator[Stream]:
    reader, writer = await asyncio.open_connection(
        server.host, server.port, ssl=context, limit=MAX_HEAD_BYTES
    )
    try:
        yield reader, writer
    finally:
        writer.close()
        # A server that does not take part in the end of TLS is not waited for.
        with contextlib.suppress(OSError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await writer.wait_closed()
        writer.transport.abort()


async def _date_of(server: Server) -> float | None:
    """What the server's answer says of the time, as unix seconds; raises OSError."""
    context = await asyncio.to_thread(_trusting_context) if server.is_secure else None
    async with _connected(server, context) as (reader, writer):
        host = f"[{server.host}]" if ":" in server.host else server.host
        writer.write(
            f"HEAD / HTTP/1.1\r\nHost: {host}:{server.port}\r\n"
            f"User-Agent: moonraker-prusacam/{__version__}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "date":
            with contextlib.suppress(ValueError, OverflowError):
                return parsedate_to_datetime(value.strip()).timestamp()
    return None


def _trusting_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _look_at_connection(server: Server) -> tuple[State, str, str | None]:
    context = await asyncio.to_thread(ssl.create_default_context)
    try:
        async with _connected(server, context if server.is_secure else None) as stream:
            secure = stream[1].get_extra_info("ssl_object")
    except ssl.SSLCertVerificationError as error:
        return State.FAILED, *_explain_certificate(error)
    except ssl.SSLError as error:
        reason = (error.reason or "unknown").replace("_", " ").lower()
        return (
            State.FAILED,
            f"no secure connection ({reason})",
            NO_TLS,
        )
    except socket.gaierror:
        return State.SKIPPED, "the name is not known (see dns)", None
    except OSError as error:
        return State.FAILED, *_explain_connection(error, server)
    if secure is None:
        return _judge_plain(server)
    left_days = _days_left(secure.getpeercert())
    told = f"{secure.version()}, the certificate is valid for {left_days} more days"
    if left_days < CERTIFICATE_WARNING_DAYS:
        remedy = "its owner has to renew it; compare the host's clock as well"
        return State.WARNING, told, remedy
    return State.OK, told, None


def _judge_plain(server: Server) -> tuple[State, str, str | None]:
    if server.is_local:
        return State.OK, "not encrypted, on this host", None
    remedy = "write https:// in 'server' of prusacam.conf"
    return State.WARNING, "not encrypted: anybody on the way can read", remedy


def _days_left(certificate: dict[str, object]) -> int:
    until_s = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return int((until_s - time.time()) // DAY_S)


def _explain_certificate(error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    """What is wrong with a certificate, and what helps."""
    code = error.verify_code
    if code in (NOT_YET_VALID, EXPIRED):
        what = "is not valid yet" if code == NOT_YET_VALID else "has expired"
        return f"the certificate {what}, by this host's clock", SET_CLOCK
    if code in UNKNOWN_ISSUER:
        return (
            "nobody that this host trusts has signed the certificate",
            STRANGER,
        )
    if code in (HOST_MISMATCH, ADDRESS_MISMATCH):
        return (
            "the certificate is that of another host",
            ELSEWHERE,
        )
    return f"the certificate is not valid: {error.verify_message}", SET_CLOCK


def _explain_connection(error: OSError, server: Server) -> tuple[str, str]:
    """Why there is no connection, and what helps."""
    if isinstance(error, ConnectionRefusedError) or error.errno is None:
        # asyncio's error for several addresses has no number.
        return (
            f"nothing answers at port {server.port}",
            CLOSED,
        )
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return "there is no way to it", NO_NETWORK
    reason = os.strerror(error.errno).lower()
    return f"the connection failed: {reason}", NO_NETWORK
