# Tests of the doctor's way to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local servers with good and bad certificates, clocks that are off, no name."""

from __future__ import annotations

import asyncio
import socket
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.doctor import State
from moonraker_prusacam.doctor.network import (
    Server,
    duration,
    examine_clock,
    examine_dns,
    examine_tls,
)
from tests.support.tls import Authority
from tests.support.web_server import answer, answering

if TYPE_CHECKING:
    from moonraker_prusacam.doctor import Finding

HOST = "127.0.0.1"


def ok() -> bytes:
    return answer(200, "text/plain", Date=formatdate(usegmt=True))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def examined_tls(server: Server) -> Finding:
    (finding,) = await examine_tls(server)
    assert (finding.name, finding.subject) == ("tls", server.host)
    assert (finding.remedy is None) == (finding.state in (State.OK, State.SKIPPED))
    return finding


async def examined_clock(server: Server) -> Finding:
    (finding,) = await examine_clock(server)
    return finding


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://connect.prusa3d.com", Server("connect.prusa3d.com", 443, True)),
        ("http://a.b:81/", Server("a.b", 81, False)),
        ("https://[::1]", Server("::1", 443, True)),
    ],
)
def test_server_when_parsed_then_with_the_port_of_its_scheme(
    url: str, server: Server
) -> None:
    assert Server.parse(url) == server


async def test_dns_when_the_name_is_known_then_ok() -> None:
    (finding,) = await examine_dns(Server("localhost", 443, True))
    assert finding.state is State.OK
    assert finding.found.startswith("known, ")


async def test_dns_when_it_is_an_address_then_skipped() -> None:
    (finding,) = await examine_dns(Server("::1", 443, True))
    assert finding.state is State.SKIPPED


@pytest.mark.parametrize(
    ("number", "text"),
    [(socket.EAI_NONAME, "no such name"), (socket.EAI_AGAIN, "no name server")],
)
async def test_dns_when_the_look_up_fails_then_failed_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, number: int, text: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "refused")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    server = Server("nowhere.example", 443, True)
    (finding,) = await examine_dns(server)
    assert finding.state is State.FAILED
    assert text in finding.found
    assert finding.remedy
    # The same trouble is told once.
    assert (await examined_tls(server)).state is State.SKIPPED
    assert (await examined_clock(server)).state is State.SKIPPED


async def test_tls_when_the_authority_is_trusted_then_ok(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = await asyncio.to_thread(authority.sign, HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with answering(ok(), context=context) as port:
        finding = await examined_tls(Server(HOST, port, True))
        clock = await examined_clock(Server(HOST, port, True))
    assert finding.state is State.OK
    assert "TLSv1" in finding.found
    assert "19 more days" in finding.found
    assert clock.state is State.OK


CERTIFICATES = [
    (HOST, "20200101", "20200201", "has expired", "timedatectl"),
    (HOST, "20400101", "20400201", "is not valid yet", "timedatectl"),
    ("10.9.8.7", "", "", "that of another host", "login page"),
    ("other.example", "", "", "that of another host", "name server"),
]


@pytest.mark.parametrize(("name", "begin", "end", "found", "remedy"), CERTIFICATES)
async def test_tls_when_the_certificate_is_wrong_then_failed_with_what_helps(
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    begin: str,
    end: str,
    found: str,
    remedy: str,
) -> None:
    context = await asyncio.to_thread(authority.sign, name, begin, end)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with answering(ok(), context=context) as port:
        finding = await examined_tls(Server(HOST, port, True))
        # Whatever the certificate: the clock is told.
        assert (await examined_clock(Server(HOST, port, True))).state is State.OK
    assert finding.state is State.FAILED
    assert found in finding.found
    assert remedy in str(finding.remedy)


async def test_tls_when_nobody_knows_the_authority_then_failed(
    authority: Authority,
) -> None:
    context = await asyncio.to_thread(authority.sign, HOST)
    async with answering(ok(), context=context) as port:
        finding = await examined_tls(Server(HOST, port, True))
    assert finding.state is State.FAILED
    assert "nobody that this host trusts" in finding.found
    assert "ca-certificates" in str(finding.remedy)


async def test_tls_when_the_certificate_ends_soon_then_warned(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = time.strftime("%Y%m%d", time.gmtime(time.time() + 2 * 86400))
    context = await asyncio.to_thread(authority.sign, HOST, "20200101", end)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with answering(ok(), context=context) as port:
        finding = await examined_tls(Server(HOST, port, True))
    assert finding.state is State.WARNING


async def test_tls_when_the_port_speaks_http_then_failed() -> None:
    async with answering(ok()) as port:
        finding = await examined_tls(Server(HOST, port, True))
    assert finding.state is State.FAILED
    assert "no secure connection" in finding.found


async def test_tls_when_nothing_listens_then_failed() -> None:
    finding = await examined_tls(Server(HOST, 9, True))
    assert finding.state is State.FAILED
    assert "nothing answers at port 9" in finding.found
    assert (await examined_clock(Server(HOST, 9, True))).state is State.SKIPPED


async def test_tls_when_not_wanted_then_ok_on_this_host_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with answering(ok()) as port:
        assert (await examined_tls(Server(HOST, port, False))).state is State.OK
        monkeypatch.setattr(Server, "is_local", False)
        assert (await examined_tls(Server(HOST, port, False))).state is State.WARNING


CLOCKS = [
    (0.0, State.OK, "right"),
    (50.0, State.OK, "right"),
    (-200.0, State.WARNING, "3.3 minutes ahead of"),
    (7200.0, State.WARNING, "2 hours behind"),
    (10 * 86400.0, State.FAILED, "10 days behind"),
    (-20 * 365 * 86400.0, State.FAILED, "days ahead of"),
]


@pytest.mark.parametrize(("off_s", "state", "found"), CLOCKS)
async def test_clock_when_compared_with_the_server_then_told_by_how_much(
    off_s: float, state: State, found: str
) -> None:
    date = formatdate(time.time() + off_s + 0.9, usegmt=True)
    async with answering(answer(404, "text/html", Date=date)) as port:
        finding = await examined_clock(Server(HOST, port, False))
    assert finding.state is state
    assert found in finding.found
    assert (finding.remedy is None) == (state is State.OK)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: yesterday\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: Mon, 99 Xxx 99999 99:99:99 GMT\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate\xff\r\n\r\n",
        b"nonsense",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
    ],
)
async def test_clock_when_the_answer_tells_no_time_then_skipped(reply: bytes) -> None:
    async with answering(reply) as port:
        finding = await examined_clock(Server(HOST, port, False))
    assert finding.state is State.SKIPPED


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.0, "59 s"),
        (60.0, "1 minute"),
        (5400.0, "1.5 hours"),
        (86400.0, "1 day"),
        (864000.0, "10 days"),
    ],
)
def test_duration_when_shown_then_in_its_largest_unit(
    seconds: float, text: str
) -> None:
    assert duration(seconds) == text
