# Tests of the faults of the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client meets of each fault, byte by byte, and what the log says of it."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from moonraker_prusacam.emulator.connect import (
    KNOWN_ANSWERS,
    Fault,
    FaultKind,
    LocalConnect,
)
from tests.support import certificates
from tests.support.names import use_names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "AbCdEfGhIjKlMnOpQrSt"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 20 + b"\xff\xd9"
WAIT_S = 10.0
HEADERS = {
    "Token": TOKEN,
    "Fingerprint": FINGERPRINT,
    "Content-Type": "image/jpg",
}


@pytest.fixture
async def connect() -> AsyncIterator[LocalConnect]:
    server = LocalConnect()
    server.add_camera(TOKEN)
    await server.start()
    yield server
    await server.aclose()


class Client:
    """One connection, seen as bytes."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader, self.writer = reader, writer

    def send(
        self, body: bytes = JPEG, *headers: str, length: int | None = None
    ) -> None:
        lines = [
            "PUT /c/snapshot HTTP/1.1",
            "Host: x",
            *(f"{name}: {value}" for name, value in HEADERS.items()),
            f"Content-Length: {len(body) if length is None else length}",
            *headers,
        ]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def head(self) -> bytes:
        async with asyncio.timeout(WAIT_S):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        async with asyncio.timeout(WAIT_S):
            return await self.reader.read()

    async def aclose(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


@asynccontextmanager
async def client(connect: LocalConnect) -> AsyncIterator[Client]:
    opened = Client(*await asyncio.open_connection(connect.host, connect.port))
    try:
        yield opened
    finally:
        await opened.aclose()


async def status(connect: LocalConnect) -> int:
    """What a snapshot is answered now."""
    async with client(connect) as one:
        one.send()
        return int((await one.head()).split()[1])


@pytest.mark.parametrize("answer", KNOWN_ANSWERS)
async def test_answer_when_known_then_its_status_and_body_come(
    connect: LocalConnect, answer: str
) -> None:
    await connect.inject(Fault("answer", answer=answer))
    async with client(connect) as one:
        one.send()
        head = await one.head()
        body, content_type = KNOWN_ANSWERS[answer]
        assert head.split()[1].decode() == answer.split()[0]
        assert f"Content-Type: {content_type}".encode() in head
        assert await one.reader.readexactly(len(body)) == body
        one.send()
        assert b" 204 " in await one.head()
    first, second = connect.requests
    assert (first.verdict, first.fault, first.evidence) == ("scripted", "answer", None)
    assert (second.verdict, second.fault, second.evidence) == (
        "accepted",
        None,
        "confirmed",
    )
    assert connect.accepted(TOKEN) == 1


@pytest.mark.parametrize(
    ("as_date", "offset_s"), [(False, 0), (True, 0), (True, -400 * 86400.0)]
)
async def test_answer_when_it_tells_a_time_to_wait_then_in_the_servers_time(
    connect: LocalConnect, as_date: bool, offset_s: float
) -> None:
    fault = Fault(
        "answer",
        answer=429,
        retry_after_s=90,
        retry_after_as_date=as_date,
        date_offset_s=offset_s,
    )
    await connect.inject(fault)
    async with client(connect) as one:
        one.send()
        lines = (await one.head()).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    if not as_date:
        assert headers["Retry-After"] == "90"
        return
    date = parsedate_to_datetime(headers["Date"])
    again = parsedate_to_datetime(headers["Retry-After"])
    assert 88 <= (again - date).total_seconds() <= 92
    skew_s = (date - datetime.now(UTC)).total_seconds() - offset_s
    assert abs(skew_s) < 60


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("loop", "http://x/c/snapshot"),
        ("other", "http://localhost/c/snapshot"),
        ("https", "https://x/c/snapshot"),
        ("https://elsewhere.example/a", "https://elsewhere.example/a"),
    ],
)
@pytest.mark.parametrize("answer", ["302", "307", "308", "500"])
async def test_redirect_then_it_points_where_it_should(
    connect: LocalConnect, location: str, expected: str, answer: str
) -> None:
    await connect.inject(Fault("redirect", answer=answer, location=location))
    async with client(connect) as one:
        one.send()
        head = await one.head()
    assert head.split()[1].decode() == (answer if answer != "500" else "307")
    assert f"\r\nLocation: {expected}\r\n".encode() in head


async def test_redirect_when_it_never_ends_then_a_client_that_follows_gives_up(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("redirect", count=None))
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.TooManyRedirects):
            await http.put(connect.url + "/c/snapshot", data=JPEG, headers=HEADERS)
    assert len(connect.requests) > 5
    connect.faults.clear()
    assert await status(connect) == 204


async def test_silence_then_nothing_is_answered_until_the_client_leaves(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("silence"))
    async with client(connect) as one:
        one.send()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await one.reader.read(1)
    await connect.wait_for(lambda: len(connect.requests) == 1, WAIT_S)
    (record,) = connect.requests
    assert (record.status, record.verdict, record.fault) == (0, "aborted", "silence")
    assert record.size_bytes == len(JPEG)
    assert connect.accepted(TOKEN) == 0


async def test_silence_when_it_is_short_then_the_answer_comes_late(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("silence", seconds=0.2))
    started_s = time.monotonic()
    assert await status(connect) == 204
    assert time.monotonic() - started_s >= 0.2


async def test_aclose_when_a_client_waits_for_an_answer_then_it_does_not_wait() -> None:
    connect = LocalConnect()
    await connect.start()
    await connect.inject(Fault("silence"), Fault("silent_connection"))
    async with client(connect) as silent, client(connect) as one:
        one.send()
        silent.send()
        await connect.wait_for(lambda: connect.connections == 2, WAIT_S)
        async with asyncio.timeout(WAIT_S):
            await connect.aclose()


@pytest.mark.parametrize("after_bytes", [0, 40])
async def test_reset_request_then_the_connection_breaks_within_the_body(
    connect: LocalConnect, after_bytes: int
) -> None:
    await connect.inject(Fault("reset_request", after_bytes=after_bytes))
    async with client(connect) as one:
        one.send(JPEG[:after_bytes], length=len(JPEG))
        with pytest.raises(ConnectionResetError):
            await one.head()
    await connect.wait_for(lambda: len(connect.requests) == 1, WAIT_S)
    assert connect.requests[0].fault == "reset_request"
    assert connect.requests[0].verdict == "aborted"
    assert await status(connect) == 204
    assert connect.accepted(TOKEN) == 1


async def test_slow_request_then_it_is_read_at_that_speed(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("slow_request", bytes_per_s=500))
    started_s = time.monotonic()
    assert await status(connect) == 204
    assert time.monotonic() - started_s >= len(JPEG) / 500
    assert connect.last_image(TOKEN) == JPEG


@pytest.mark.parametrize("after_bytes", [0, 10])
async def test_reset_response_then_it_was_taken_and_the_client_does_not_know(
    connect: LocalConnect, after_bytes: int
) -> None:
    await connect.inject(Fault("reset_response", after_bytes=after_bytes))
    async with client(connect) as one:
        one.send()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await one.head()
    assert (connect.requests[0].status, connect.requests[0].verdict) == (0, "accepted")
    assert connect.accepted(TOKEN) == 1


async def test_slow_response_then_it_drips(connect: LocalConnect) -> None:
    await connect.inject(Fault("slow_response", bytes_per_s=200))
    started_s = time.monotonic()
    async with client(connect) as one:
        one.send()
        head = await one.head()
        assert time.monotonic() - started_s >= (len(head) - 20) / 200
        one.send()
        assert b" 204 " in await one.head()


async def test_lost_answer_then_the_frame_counts_and_its_repetition_too(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("lost_answer", answer=502))
    assert [await status(connect), await status(connect)] == [502, 204]
    assert connect.accepted(TOKEN) == 2
    assert [r.verdict for r in connect.requests] == ["accepted", "accepted"]
    assert [r.status for r in connect.requests] == [502, 204]
    assert len(connect.audit(TOKEN).backoff_s) == 1


async def test_close_idle_then_the_connection_ends_though_it_was_kept(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("close_idle"))
    async with client(connect) as one:
        one.send()
        head = await one.head()
        assert b" 204 " in head
        assert b"connection" not in head.lower()
        assert await one.rest() == b""


@pytest.mark.parametrize("extra_bytes", [100, -3])
async def test_wrong_length_then_more_or_less_comes_than_was_said(
    connect: LocalConnect, extra_bytes: int
) -> None:
    await connect.inject(
        Fault("wrong_length", endpoint="/environment.js", extra_bytes=extra_bytes)
    )
    async with client(connect) as one:
        one.writer.write(b"GET /environment.js HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await one.head()
        length = int(head.split(b"Content-Length: ")[1].split()[0])
        if extra_bytes < 0:
            one.writer.write(b"GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            rest = await one.rest()
            assert rest[length:].startswith(b";\n"[-1:] or rest) or b"HTTP" in rest
            assert rest.index(b"HTTP/1.1 404") == length - extra_bytes
        else:
            assert len(await one.rest()) == length - extra_bytes


async def test_gzip_then_the_body_is_packed(connect: LocalConnect) -> None:
    await connect.inject(Fault("gzip"))
    async with client(connect) as one:
        one.send(b"", "Connection: close")
        head = await one.head()
        assert b" 400 " in head
        assert b"Content-Encoding: gzip" in head
        assert b"400 Bad Request" in gzip.decompress(await one.rest())


@pytest.mark.parametrize("kind", [FaultKind.GZIP, FaultKind.WRONG_LENGTH])
async def test_wrong_body_when_there_would_be_none_then_200_with_one(
    connect: LocalConnect, kind: FaultKind
) -> None:
    await connect.inject(Fault(kind))
    async with client(connect) as one:
        one.send(JPEG, "Connection: close")
        assert b" 200 OK\r\n" in await one.head()
        body = await one.rest()
    assert (gzip.decompress(body) if kind is FaultKind.GZIP else body) == b"{}"
    assert connect.requests[0].status == 200
    assert connect.accepted(TOKEN) == 1


async def test_body_with_204_then_bytes_follow_that_nobody_reads(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("body_with_204"))
    async with client(connect) as one:
        one.send(JPEG, "Connection: close")
        head = await one.head()
        assert head.startswith(b"HTTP/1.1 204 No Content\r\n")
        length = int(head.split(b"Content-Length: ")[1].split()[0])
        assert len(await one.reader.readexactly(length)) == length


async def test_clock_skew_then_only_the_date_is_wrong(connect: LocalConnect) -> None:
    await connect.inject(Fault("clock_skew", date_offset_s=-3600))
    async with client(connect) as one:
        one.send()
        head = (await one.head()).decode()
    assert " 204 " in head
    date = parsedate_to_datetime(head.split("Date: ")[1].split("\r\n")[0])
    assert -3660 < (date - datetime.now(UTC)).total_seconds() < -3540


async def test_no_continue_then_a_client_that_sends_all_the_same_is_answered(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("no_continue"))
    async with client(connect) as one:
        one.send(b"", "Expect: 100-continue", length=len(JPEG))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await one.reader.read(1)
        one.writer.write(JPEG)
        assert b" 204 " in await one.head()
    assert connect.requests[0].fault == "no_continue"


async def test_close_after_continue_then_the_connection_ends(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("close_after_continue"))
    async with client(connect) as one:
        one.send(b"", "Expect: 100-continue", length=len(JPEG))
        assert await one.rest() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await connect.wait_for(lambda: len(connect.requests) == 1, WAIT_S)
    assert connect.requests[0].fault == "close_after_continue"
    assert connect.accepted(TOKEN) == 0
    async with client(connect) as one:
        one.send(b"", "Expect: 100-continue", length=len(JPEG))
        assert b" 100 " in await one.head()
        one.writer.write(JPEG)
        assert b" 204 " in await one.head()


async def test_silent_connection_then_accepted_and_nothing_more(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("silent_connection", seconds=0.2))
    async with client(connect) as one:
        one.send()
        assert await one.rest() == b""
    assert connect.requests == []
    assert connect.connections == 1
    assert await status(connect) == 204


async def test_reset_connection_then_reset_before_http(connect: LocalConnect) -> None:
    await connect.inject(Fault("reset_connection"))
    async with client(connect) as one:
        one.send()
        with pytest.raises(ConnectionResetError):
            await one.head()
    assert connect.requests == []
    assert await status(connect) == 204


async def test_refuse_then_nobody_listens_until_accept(connect: LocalConnect) -> None:
    async with client(connect) as one:
        one.send()
        await one.head()
        await connect.refuse()
        await connect.refuse()
        with suppress(ConnectionResetError):
            assert await one.rest() == b""
    with pytest.raises(ConnectionRefusedError):
        await status(connect)
    await connect.accept()
    await connect.accept()
    assert await status(connect) == 204


async def test_refuse_when_it_has_an_end_then_it_listens_again(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("refuse", seconds=0.1))
    with pytest.raises(ConnectionRefusedError):
        await status(connect)
    await connect.wait_for(lambda: connect.is_listening, WAIT_S)
    assert await status(connect) == 204


async def test_fault_when_it_is_for_another_endpoint_then_it_waits(
    connect: LocalConnect,
) -> None:
    await connect.inject(Fault("answer", endpoint="/c/info"))
    assert await status(connect) == 204
    assert connect.faults.as_json()[0]["left"] == 1


async def test_faults_when_several_fit_then_one_after_another(
    connect: LocalConnect,
) -> None:
    await connect.inject(
        Fault("answer", answer=503, count=2), Fault("answer", answer=429, skip=1)
    )
    seen = [await status(connect) for _ in range(5)]
    assert seen == [503, 503, 204, 429, 204]


async def test_fault_when_it_has_a_probability_then_the_seed_decides(
    connect: LocalConnect,
) -> None:
    runs = []
    for seed in (1, 1, 2):
        connect.faults.clear()
        await connect.inject(Fault("answer", count=None, probability=0.5, seed=seed))
        runs.append([await status(connect) for _ in range(20)])
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {204, 500}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "flood"},
        {"kind": "answer", "answer": "99"},
        {"kind": "answer", "answer": "600"},
        {"kind": "answer", "answer": "soon"},
        {"kind": "answer", "answer": "503 poem"},
        {"kind": "answer", "answer": "²00"},
        {"kind": "answer", "count": -1},
        {"kind": "answer", "count": 1.5},
        {"kind": "answer", "count": True},
        {"kind": "answer", "probability": 1.1},
        {"kind": "answer", "probability": "1"},
        {"kind": "answer", "headers": ["x"]},
        {"kind": "answer", "headers": {"x": 1}},
        {"kind": "answer", "body": 5},
        {"kind": "answer", "endpoint": None},
        {"kind": "slow_request", "bytes_per_s": 0},
        {"kind": "slow_request", "bytes_per_s": float("nan")},
        {"kind": "silence", "seconds": -1},
        {"kind": "reset_request", "after_bytes": -1},
        {"kind": "answer", "unknown": 1},
        [],
        None,
        "answer",
    ],
    ids=str,
)
def test_fault_when_it_makes_no_sense_then_an_error(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Fault.from_json(wrong)


@pytest.mark.parametrize("kind", FaultKind)
def test_fault_when_told_as_json_then_the_same_comes_back(kind: FaultKind) -> None:
    plain = Fault(kind)
    rich = Fault(kind, count=None, body="x", headers={"a": "b"}, seconds=2.0, skip=1)
    for fault in (plain, rich):
        assert Fault.from_json(json.loads(json.dumps(fault.as_json()))) == fault


@asynccontextmanager
async def serving_tls(quality: str) -> AsyncIterator[LocalConnect]:
    connect = LocalConnect(tls=certificates.server_context(quality))
    connect.add_camera(TOKEN)
    await connect.start()
    try:
        yield connect
    finally:
        await connect.aclose()


async def put(connect: LocalConnect) -> int:
    """A snapshot by aiohttp as it verifies by default."""
    async with (
        aiohttp.ClientSession() as http,
        http.put(connect.url + "/c/snapshot", data=JPEG, headers=HEADERS) as answer,
    ):
        return answer.status


async def test_tls_when_the_certificate_is_good_then_https(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificates.trust_ours(monkeypatch)
    async with serving_tls(certificates.GOOD) as connect:
        assert connect.url.startswith("https://")
        assert await put(connect) == 204


@pytest.mark.parametrize("quality", certificates.FAULTY)
async def test_tls_when_the_certificate_is_faulty_then_refused_by_the_client(
    monkeypatch: pytest.MonkeyPatch, quality: str
) -> None:
    certificates.trust_ours(monkeypatch)
    async with serving_tls(quality) as connect:
        with pytest.raises(aiohttp.ClientConnectorCertificateError) as caught:
            await put(connect)
        await connect.wait_for(lambda: connect.connections == 1, WAIT_S)
        assert connect.requests == []
    words = {
        certificates.EXPIRED: "expired",
        certificates.WRONG_HOST: "mismatch",
        certificates.UNKNOWN_AUTHORITY: "unable to get local issuer",
    }
    assert words[quality] in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.OLD_PROTOCOL, aiohttp.ClientConnectorSSLError),
        (FaultKind.RESET_CONNECTION, aiohttp.ClientOSError),
    ],
)
async def test_tls_when_the_handshake_is_spoilt_then_the_next_one_works(
    monkeypatch: pytest.MonkeyPatch, kind: FaultKind, error: type[Exception]
) -> None:
    certificates.trust_ours(monkeypatch)
    async with serving_tls(certificates.GOOD) as connect:
        await connect.inject(Fault(kind))
        with pytest.raises(error) as caught:
            await put(connect)
        assert connect.requests == []
        assert await put(connect) == 204
    if kind is FaultKind.OLD_PROTOCOL:
        assert "protocol version" in str(caught.value).lower().replace("_", " ")


@pytest.mark.parametrize(
    "kind", [FaultKind.RESET_REQUEST, FaultKind.RESET_RESPONSE, FaultKind.CLOSE_IDLE]
)
async def test_tls_when_a_request_meets_a_fault_then_as_without(
    monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    certificates.trust_ours(monkeypatch)
    async with serving_tls(certificates.GOOD) as connect:
        # aiohttp sends a PUT a second time when the connection breaks.
        broken = 1 if kind is FaultKind.CLOSE_IDLE else 2
        await connect.inject(Fault(kind, after_bytes=10, count=broken))
        if kind is FaultKind.CLOSE_IDLE:
            assert await put(connect) == 204
        else:
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await put(connect)
        assert await put(connect) == 204
        assert len(connect.requests) == broken + 1


async def test_tls_when_a_client_speaks_http_then_the_handshake_fails() -> None:
    async with serving_tls(certificates.GOOD) as connect:
        async with client(connect) as one:
            one.send()
            await one.rest()
        await connect.wait_for(lambda: connect.failed_handshakes == 1, WAIT_S)


async def test_names_when_one_does_not_exist_then_only_that_one(
    connect: LocalConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = use_names(monkeypatch, connect_test="127.0.0.1")
    async with aiohttp.ClientSession() as http:
        url = f"http://connect.test:{connect.port}/environment.js"
        async with http.get(url) as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientConnectorDNSError):
            await http.get(url.replace("connect.test", "absent.test"))
        names.broken = True
        with pytest.raises(aiohttp.ClientConnectorDNSError):
            await http.get(url.replace("connect.test", "absent.test"))
    assert names.asked == ["connect.test", "absent.test", "absent.test"]
