# Tests of the client of Prusa Connect's camera API.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Against the local Prusa Connect, and against servers that misbehave on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import json
import traceback
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.connect import api as api_module
from moonraker_prusacam.connect.api import (
    USER_AGENT,
    ConnectApi,
    parse_server,
    without_nulls,
)
from moonraker_prusacam.connect.refusals import retry_after_s
from moonraker_prusacam.emulator.connect import LocalConnect
from moonraker_prusacam.errors import (
    ClosedError,
    ConfigError,
    ConnectUnavailable,
    PrusaConnectError,
    SnapshotRejected,
    SnapshotTooLarge,
    TokenRejected,
)
from moonraker_prusacam.secret import Secret
from tests.support.sources import closed_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

TOKEN = "AbCdEfGhIjKlMnOpQrSt"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 20 + b"\xff\xd9"
INFO = {"config": {"name": "Front"}}
WAIT_S = 10.0
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.fixture
async def connect() -> AsyncIterator[LocalConnect]:
    server = LocalConnect()
    server.add_camera(TOKEN)
    await server.start()
    yield server
    await server.aclose()


@pytest.fixture
async def api(connect: LocalConnect) -> AsyncIterator[ConnectApi]:
    client = ConnectApi(connect.url, Secret(TOKEN), FINGERPRINT)
    yield client
    await client.aclose()


@asynccontextmanager
async def serving(
    serve: Serve, *, timeout_s: float = WAIT_S
) -> AsyncIterator[ConnectApi]:
    """A client of a server that treats each connection by ``serve``."""

    handlers: list[asyncio.Task[None]] = []

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.ensure_future(treat(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    client = ConnectApi(url, Secret(TOKEN), FINGERPRINT, timeout_s=timeout_s)
    try:
        yield client
    finally:
        await client.aclose()
        server.close()
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*handlers)


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return head, await reader.readexactly(int(length))


def answering(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    return serve


def assert_no_secret(error: BaseException) -> None:
    seen: BaseException | None = error
    while seen is not None:
        for text in (str(seen), repr(seen), repr(seen.args), repr(vars(seen))):
            assert TOKEN not in text
            assert FINGERPRINT not in text
        seen = seen.__cause__ or seen.__context__
    shown = "".join(traceback.format_exception(error))
    assert TOKEN not in shown
    assert FINGERPRINT not in shown


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_put_snapshot_when_accepted_then_sent_as_the_api_wants_it(
    connect: LocalConnect, api: ConnectApi, kind: type
) -> None:
    await api.put_snapshot(kind(JPEG))
    assert connect.last_image(TOKEN) == JPEG
    (record,) = connect.requests
    assert record.headers["content-type"] == "image/jpg"
    assert record.headers["content-length"] == str(len(JPEG))
    assert record.headers["user-agent"] == USER_AGENT
    assert "transfer-encoding" not in record.headers
    assert record.leaks == ()


async def test_put_snapshot_when_of_megabytes_then_accepted_whole(
    connect: LocalConnect, api: ConnectApi
) -> None:
    jpeg = b"\xff\xd8\xff\xe0" + bytes(5_000_000) + b"\xff\xd9"
    await api.put_snapshot(jpeg)
    assert connect.last_image(TOKEN) == jpeg


async def test_put_snapshot_when_the_connection_breaks_then_it_is_not_sent_again() -> (
    None
):
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await read_request(reader)
        requests += 1
        if requests != 2:
            writer.write(OK)
            await writer.drain()
        writer.close()

    async with serving(serve) as api:
        await api.put_snapshot(JPEG)
        with pytest.raises(ConnectUnavailable):
            await api.put_snapshot(JPEG)
        assert requests == 2
        await api.put_snapshot(JPEG)


async def test_put_snapshot_when_the_idle_connection_was_closed_then_sent_again() -> (
    None
):
    bodies = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append((await read_request(reader))[1])
        writer.write(OK)
        await writer.drain()
        if len(bodies) == 1:
            # The second request gets no answer on this connection.
            await read_request(reader)

    async with serving(serve) as api:
        await api.put_snapshot(JPEG)
        await api.put_snapshot(JPEG)
    assert bodies == [JPEG, JPEG]


@pytest.mark.parametrize("size_bytes", [0, 16 * 1024 * 1024 + 1])
async def test_put_snapshot_when_of_no_possible_size_then_not_even_sent(
    connect: LocalConnect, api: ConnectApi, size_bytes: int
) -> None:
    with pytest.raises(SnapshotRejected, match=f"{size_bytes} bytes"):
        await api.put_snapshot(bytes(size_bytes))
    assert connect.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
        b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        # Bodies that break off do not take a success back.
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + bytes(200_000),
    ],
)
async def test_put_snapshot_when_any_2xx_comes_then_success(answer: bytes) -> None:
    async with serving(answering(answer)) as api:
        await api.put_snapshot(JPEG)


REFUSALS: list[tuple[int, str, type[PrusaConnectError], str]] = [
    (401, "", TokenRejected, "Add new other camera"),
    (
        401,
        '{"code": "UNAUTHORIZED", "message": "No"}',
        TokenRejected,
        "UNAUTHORIZED No",
    ),
    (403, "<html>blocked</html>", TokenRejected, "put the new token into"),
    (
        403,
        '{"message": "Not valid", "code": "FORBIDDEN_INVALID_FINGERPRINT"}',
        TokenRejected,
        "restore the old fingerprint file",
    ),
    (400, '{"detail": "Invalid fingerprint"}', TokenRejected, "another kind of camera"),
    (400, "<html>nginx</html>", SnapshotRejected, "HTTP 400"),
    (
        400,
        '{"message": "Request body validation error"}',
        SnapshotRejected,
        "validation",
    ),
    (404, "{}", TokenRejected, "deleted there"),
    (409, "[]", SnapshotRejected, "HTTP 409"),
    (413, '{"code": 5, "message": null}', SnapshotTooLarge, "HTTP 413"),
    (304, "", SnapshotRejected, "HTTP 304"),
    (307, "", SnapshotRejected, "another address"),
    (429, "", ConnectUnavailable, "HTTP 429"),
    (500, '{"message": "oops\\u0007\\nline"}', ConnectUnavailable, "oops  line"),
    (502, "<html>Bad Gateway</html>", ConnectUnavailable, "HTTP 502"),
    (503, '{"message": ' + '"' + "y" * 70_000 + '"}', ConnectUnavailable, "HTTP 503"),
    (503, "[" * 60_000, ConnectUnavailable, "HTTP 503"),
    (599, "", ConnectUnavailable, "HTTP 599"),
]


@pytest.mark.parametrize(("status", "body", "error", "text"), REFUSALS)
@pytest.mark.parametrize("call", ["snapshot", "info"])
async def test_put_when_refused_then_the_error_says_what_to_do(
    connect: LocalConnect,
    api: ConnectApi,
    status: int,
    body: str,
    error: type[PrusaConnectError],
    text: str,
    call: str,
) -> None:
    connect.fail_next(status, body=body)
    request: Awaitable[Any] = (
        api.put_snapshot(JPEG) if call == "snapshot" else api.put_info(INFO)
    )
    with pytest.raises(error, match=text) as caught:
        await request
    assert caught.value.status == status
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()
    assert_no_secret(caught.value)
    await api.put_snapshot(JPEG)


async def test_put_when_the_server_repeats_the_secrets_then_the_error_masks_them(
    connect: LocalConnect, api: ConnectApi
) -> None:
    # The cut at 200 characters must not leave a part of one either.
    for shift in (0, 170, 185, 195):
        message = "m" * shift + f" {TOKEN} {FINGERPRINT}"
        connect.fail_next(500, body=json.dumps({"message": message}))
        with pytest.raises(ConnectUnavailable) as caught:
            await api.put_snapshot(JPEG)
        assert_no_secret(caught.value)
        assert TOKEN[:5] not in str(caught.value)
        assert FINGERPRINT[:5] not in str(caught.value)


async def test_put_when_the_fingerprint_changed_then_token_rejected(
    connect: LocalConnect, api: ConnectApi
) -> None:
    await api.put_snapshot(JPEG)
    async with aclosing(ConnectApi(connect.url, Secret(TOKEN), "f" * 32)) as other:
        with pytest.raises(TokenRejected, match="restore the old fingerprint file"):
            await other.put_snapshot(JPEG)


async def test_put_when_the_token_is_unknown_then_token_rejected(
    connect: LocalConnect,
) -> None:
    async with aclosing(ConnectApi(connect.url, Secret("x" * 20), FINGERPRINT)) as api:
        with pytest.raises(TokenRejected, match="does not know the token") as caught:
            await api.put_snapshot(JPEG)
    assert not caught.value.retryable


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_put_when_redirected_then_not_followed(
    connect: LocalConnect, api: ConnectApi, status: int
) -> None:
    place = f"{connect.url}/c/snapshot?token={TOKEN}"
    connect.fail_next(status, headers={"Location": place})
    with pytest.raises(SnapshotRejected, match=connect.url) as caught:
        await api.put_snapshot(JPEG)
    assert_no_secret(caught.value)
    assert len(connect.requests) == 1
    assert connect.accepted(TOKEN) == 0


@pytest.mark.parametrize(
    "location",
    ["", "/c/other", "http://[", "::", f"https://{TOKEN}.example/", "https://u:p@h/x"],
)
async def test_put_when_the_location_is_odd_then_rejected_all_the_same(
    connect: LocalConnect, api: ConnectApi, location: str
) -> None:
    connect.fail_next(307, headers={"Location": location})
    with pytest.raises(SnapshotRejected, match="another address") as caught:
        await api.put_snapshot(JPEG)
    assert_no_secret(caught.value)
    assert "u:p" not in str(caught.value)


async def test_put_when_nothing_is_answered_then_unavailable_in_time() -> None:
    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(serve, timeout_s=0.2) as api:
        with pytest.raises(ConnectUnavailable, match="in time") as caught:
            await api.put_snapshot(JPEG)
    assert caught.value.retryable
    assert caught.value.status is None
    assert caught.value.retry_after_s is None
    assert_no_secret(caught.value)


async def test_put_when_a_success_drips_its_body_then_it_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api_module, "BODY_TIMEOUT_S", 0.1)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        await reader.read()

    async with serving(serve) as api:
        await api.put_snapshot(JPEG)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 abc\r\n\r\n",
        b"no HTTP at all\r\n\r\n",
        b"\x00\xff" * 50 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_put_when_the_answer_is_broken_then_unavailable(answer: bytes) -> None:
    async with serving(answering(answer)) as api:
        with pytest.raises(ConnectUnavailable, match=r"127\.0\.0\.1") as caught:
            await api.put_snapshot(JPEG)
    assert_no_secret(caught.value)


async def assert_unavailable(server: str, text: str) -> None:
    async with aclosing(ConnectApi(server, Secret(TOKEN), FINGERPRINT)) as api:
        with pytest.raises(ConnectUnavailable, match=text) as caught:
            await api.put_snapshot(JPEG)
    assert caught.value.status is None
    assert_no_secret(caught.value)


async def test_put_when_the_connection_is_refused_then_unavailable() -> None:
    port = closed_port()
    await assert_unavailable(f"http://127.0.0.1:{port}", r"127\.0\.0\.1: .*refused")


async def test_put_when_the_name_is_unknown_then_unavailable() -> None:
    await assert_unavailable("https://prusacam.invalid", "name cannot be resolved")


async def test_put_when_the_server_speaks_no_tls_then_unavailable(
    connect: LocalConnect,
) -> None:
    url = connect.url.replace("http:", "https:")
    await assert_unavailable(url, "secure connection")


async def test_put_when_cancelled_then_the_next_one_works(
    connect: LocalConnect,
) -> None:
    entered = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        if entered.is_set():
            writer.write(OK)
        entered.set()
        await reader.read()

    async with serving(serve) as api:
        task = asyncio.ensure_future(api.put_snapshot(JPEG))
        async with asyncio.timeout(WAIT_S):
            await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await api.put_snapshot(JPEG)


DATE = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def http_date(seconds: float) -> str:
    return format_datetime(DATE + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("retry_after", "expected_s"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("9" * 400, 86400.0),
        (http_date(90), 90.0),
        (http_date(-90), 0.0),
        (http_date(10_000_000), 86400.0),
        ("Sat, 21 Nov 2026 12:00:30 -0000", 30.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("\u0663", None),
        ("soon", None),
        ("Sat, 99 Nov 2026 12:00:30 GMT", None),
        ("Sat, 21 Nov 99999999 12:00:30 GMT", None),
        ("Sat, 21 Nov 2026 12:00:30 +99999999999", None),
    ],
)
def test_retry_after_when_given_then_seconds_by_the_servers_clock(
    retry_after: str, expected_s: float | None
) -> None:
    headers = {"Retry-After": retry_after, "Date": http_date(0)}
    assert retry_after_s(headers) == expected_s


def test_retry_after_when_the_server_tells_no_date_then_by_our_clock() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    for headers in ({"Retry-After": later}, {"Retry-After": later, "Date": "x"}):
        seconds = retry_after_s(headers)
        assert seconds is not None
        assert 90 < seconds < 101


@pytest.mark.parametrize("status", [429, 503])
async def test_put_when_told_to_wait_then_the_error_carries_it(
    connect: LocalConnect, api: ConnectApi, status: int
) -> None:
    connect.fail_next(status, headers={"Retry-After": "42"})
    with pytest.raises(ConnectUnavailable) as caught:
        await api.put_snapshot(JPEG)
    assert caught.value.retry_after_s == 42.0


async def test_put_info_when_accepted_then_nulls_are_left_out_and_the_record_comes(
    connect: LocalConnect, api: ConnectApi
) -> None:
    camera = connect.add_camera("unused-token-of-20ch")
    info = {"config": {"name": "Front é", "driver": None}, "options": None}
    record = await api.put_info(info)
    assert record["config"]["name"] == "Front é"
    assert record["registered"] is True
    assert "driver" not in record["config"]
    assert "options" not in record
    assert camera.info == {}
    assert connect.requests[0].headers["content-type"] == "application/json"
    assert connect.requests[0].leaks == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": None, "b": {"c": None}}, {"b": {}}),
        ({"a": [1, None, {"b": None, "c": 0}]}, {"a": [1, {"c": 0}]}),
        ({"a": (None, "x")}, {"a": ["x"]}),
        ({"a": False, "b": "", "c": 0}, {"a": False, "b": "", "c": 0}),
    ],
)
def test_without_nulls_when_nested_then_only_nulls_go(
    value: Any, expected: Any
) -> None:
    assert without_nulls(value) == expected


async def test_put_info_when_answered_without_a_body_then_an_empty_record() -> None:
    async with serving(answering(OK)) as api:
        assert await api.put_info(INFO) == {}


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 60_000, b"9" * 5000]
)
async def test_put_info_when_the_answer_is_no_record_then_unavailable(
    body: bytes,
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with serving(answering(head + body)) as api:
        with pytest.raises(ConnectUnavailable, match="not a camera record") as caught:
            await api.put_info(INFO)
    assert caught.value.status == 200


@pytest.mark.parametrize(
    "server",
    [
        "https://connect.prusa3d.com",
        "https://connect.prusa3d.com/",
        " http://127.0.0.1:8080 ",
        "http://[::1]:8080/base",
    ],
)
def test_parse_server_when_an_address_then_taken(server: str) -> None:
    assert parse_server(server).host


@pytest.mark.parametrize(
    "server",
    [
        "",
        "connect.prusa3d.com",
        "ftp://connect.prusa3d.com",
        "https://",
        "https:///c/snapshot",
        "https://user:hidden-password@connect.prusa3d.com",
        "https://connect.prusa3d.com/?token=hidden-password",
        "http://connect.prusa3d.com:port",
        "http://[::1",
    ],
)
def test_parse_server_when_no_plain_address_then_config_error(server: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_server(server)
    assert "hidden-password" not in str(caught.value)


async def test_server_when_it_has_a_path_then_the_api_is_below_it() -> None:
    heads = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(OK)
        await writer.drain()

    async with serving(serve) as plain:
        url = str(plain._server / "base/")
        async with aclosing(ConnectApi(url, Secret(TOKEN), FINGERPRINT)) as api:
            await api.put_snapshot(JPEG)
    assert heads[0].startswith(b"PUT /base/c/snapshot HTTP/1.1\r\n")


async def test_repr_when_shown_then_no_secret(api: ConnectApi) -> None:
    await api.put_snapshot(JPEG)
    assert "127.0.0.1" in repr(api)
    assert TOKEN not in repr(api)
    assert FINGERPRINT not in repr(api)


async def test_log_when_requests_fail_then_no_secret(
    connect: LocalConnect, api: ConnectApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for status in (401, 403, 429, 500):
        connect.fail_next(status, body=json.dumps({"message": TOKEN + FINGERPRINT}))
        with contextlib.suppress(PrusaConnectError):
            await api.put_snapshot(JPEG)
    assert TOKEN not in caplog.text
    assert FINGERPRINT not in caplog.text


async def test_aclose_when_called_twice_then_closed_for_good(
    connect: LocalConnect,
) -> None:
    api = ConnectApi(connect.url, Secret(TOKEN), FINGERPRINT)
    await api.put_snapshot(JPEG)
    await api.aclose()
    await api.aclose()
    with pytest.raises(ClosedError):
        await api.put_snapshot(JPEG)
