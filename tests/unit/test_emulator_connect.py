# Tests of the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of the camera API by a plain HTTP client, and what the log tells."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from moonraker_prusacam.emulator.connect import LocalConnect, request_log
from moonraker_prusacam.errors import ClosedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

TOKEN = "AbCdEfGhIjKlMnOpQrSt"
OTHER_TOKEN = "zYxWvUtSrQpOnMlKjIhG"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 20 + b"\xff\xd9"
JSON = {"Content-Type": "application/json"}
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


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def put(
    http: aiohttp.ClientSession,
    connect: LocalConnect,
    path: str = "/c/snapshot",
    data: Any = JPEG,
    headers: Mapping[str, str | None] | None = None,
) -> tuple[int, str]:
    """Status and body; ``headers`` replace ours, None leaves one out."""
    changed = {**HEADERS, **(headers or {})}
    sent = {name: value for name, value in changed.items() if value is not None}
    skip = () if "Content-Type" in sent else ("Content-Type",)
    async with http.put(
        connect.url + path, data=data, headers=sent, skip_auto_headers=skip
    ) as answer:
        return answer.status, await answer.text()


async def raw(connect: LocalConnect, request: bytes) -> bytes:
    """The first line of the answer to the bytes of ``request``."""
    reader, writer = await asyncio.open_connection(connect.host, connect.port)
    writer.write(request)
    async with asyncio.timeout(WAIT_S):
        line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line


def raw_head(*headers: str, token: str = TOKEN) -> bytes:
    lines = [
        "PUT /c/snapshot HTTP/1.1",
        "Host: x",
        f"Token: {token}",
        f"Fingerprint: {FINGERPRINT}",
        "Content-Type: image/jpg",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def test_snapshot_when_right_then_204_and_kept(
    connect: LocalConnect, http: aiohttp.ClientSession
) -> None:
    assert connect.last_image(TOKEN) is None
    assert await put(http, connect) == (204, "")
    assert connect.last_image(TOKEN) == JPEG
    assert connect.accepted(TOKEN) == 1
    (record,) = connect.requests
    assert (record.method, record.path) == ("PUT", "/c/snapshot")
    assert (record.status, record.verdict) == (204, "accepted")
    assert record.size_bytes == len(JPEG)
    assert record.sha1 == hashlib.sha1(JPEG).hexdigest()
    assert record.whole_jpeg
    assert record.leaks == ()
    assert not record.too_soon
    assert record.started_s <= record.ended_s


async def test_snapshot_when_the_printer_is_offline_then_204_and_thrown_away(
    connect: LocalConnect, http: aiohttp.ClientSession
) -> None:
    connect.add_camera(OTHER_TOKEN, printer_online=False)
    assert (await put(http, connect, headers={"Token": OTHER_TOKEN}))[0] == 204
    assert connect.last_image(OTHER_TOKEN) is None
    assert connect.requests[-1].verdict == "hidden"


REFUSALS: list[tuple[str, dict[str, str | None], Any, int, str]] = [
    ("token unknown", {"Token": OTHER_TOKEN}, JPEG, 401, "UNAUTHORIZED"),
    ("token missing", {"Token": None}, JPEG, 401, "UNAUTHORIZED"),
    ("token missing", {"Token": ""}, JPEG, 401, "UNAUTHORIZED"),
    ("fingerprint missing", {"Fingerprint": None}, JPEG, 401, "UNAUTHORIZED"),
    ("fingerprint length", {"Fingerprint": "x" * 15}, JPEG, 400, "BAD_REQUEST"),
    ("fingerprint length", {"Fingerprint": "x" * 65}, JPEG, 400, "BAD_REQUEST"),
    ("empty", {}, b"", 400, "<center><h1>400 Bad Request"),
    ("media type", {"Content-Type": "image/png"}, JPEG, 400, "BAD_REQUEST"),
    ("media type", {"Content-Type": None}, JPEG, 400, "BAD_REQUEST"),
]


@pytest.mark.parametrize(
    ("verdict", "changes", "data", "status", "body"), REFUSALS, ids=str
)
async def test_snapshot_when_wrong_then_refused_and_nothing_is_bound(
    connect: LocalConnect,
    http: aiohttp.ClientSession,
    verdict: str,
    changes: dict[str, str | None],
    data: bytes,
    status: int,
    body: str,
) -> None:
    answer = await put(http, connect, data=data, headers=changes)
    assert answer[0] == status
    assert body in answer[1]
    assert connect.requests[-1].verdict == verdict
    assert connect.accepted(TOKEN) == 0
    assert (await put(http, connect, headers={"Fingerprint": "f" * 16}))[0] == 204


@pytest.mark.parametrize("length", [16, 64])
async def test_fingerprint_when_of_allowed_length_then_accepted(
    connect: LocalConnect, http: aiohttp.ClientSession, length: int
) -> None:
    assert (await put(http, connect, headers={"Fingerprint": "f" * length}))[0] == 204


@pytest.mark.parametrize("media_type", ["image/jpg", "image/jpeg", "IMAGE/JPG"])
async def test_media_type_when_a_jpeg_then_accepted(
    connect: LocalConnect, http: aiohttp.ClientSession, media_type: str
) -> None:
    assert (await put(http, connect, headers={"Content-Type": media_type}))[0] == 204


@pytest.mark.parametrize("first", ["/c/snapshot", "/c/info"])
async def test_fingerprint_when_bound_then_another_is_forbidden(
    connect: LocalConnect, http: aiohttp.ClientSession, first: str
) -> None:
    data = JPEG if first == "/c/snapshot" else b'{"config": {"name": "x"}}'
    assert (await put(http, connect, first, data))[0] in (200, 204)
    status, body = await put(http, connect, headers={"Fingerprint": "f" * 32})
    assert status == 403
    assert json.loads(body)["code"] == "FORBIDDEN_INVALID_FINGERPRINT"
    assert (await put(http, connect))[0] == 204


async def test_snapshot_when_chunked_then_413(
    connect: LocalConnect, http: aiohttp.ClientSession
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield JPEG

    assert (await put(http, connect, data=pieces()))[0] == 413
    assert connect.requests[-1].verdict == "chunked"


async def test_snapshot_when_over_16_mib_then_413_without_reading_it(
    connect: LocalConnect,
) -> None:
    head = raw_head(f"Content-Length: {16 * 1024 * 1024 + 1}")
    assert b" 413 " in await raw(connect, head)
    assert connect.requests[-1].verdict == "too large"


async def test_snapshot_when_no_jpeg_then_kept_and_called_broken(
    connect: LocalConnect, http: aiohttp.ClientSession
) -> None:
    for body in (b"GIF89a", JPEG[:-2], JPEG[2:]):
        assert (await put(http, connect, data=body))[0] == 204
        assert connect.requests[-1].whole_jpeg is False


async def test_snapshots_when_too_fast_then_accepted_and_marked(
    connect: LocalConnect, http: aiohttp.ClientSession
) -> None:
    assert connect.min_gap_s(TOKEN) is None
    for _ in range(3):
        assert (await put(http, connect))[0] == 204
    assert [record.too_soon for record in connect.requests] == [False, True, True]
    gap_s = connect.min_gap_s(TOKEN)
    assert gap_s is not None
    assert 0 < gap_s < 5


INFO = {"config": {"name": "Front", "trigger_scheme": "TEN_SEC"}, "features": ["FwVer"]}


async def test_info_when_right_then_the_camera_record_comes(
    connect: LocalConnect, http: aiohttp.ClientSession
) -> None:
    status, body = await put(
        http,
        connect,
        "/c/info",
        json.dumps(INFO),
        headers=JSON,
    )
    record = json.loads(body)
    assert status == 200
    assert record["registered"] is True
    assert record["origin"] == "OTHER"
    assert record["name"] == "Front"
    assert record["config"]["trigger_scheme"] == "TEN_SEC"
    assert record["features"] == ["FwVer"]


async def test_info_when_the_user_chose_a_scheme_then_that_one_comes(
    connect: LocalConnect, http: aiohttp.ClientSession
) -> None:
    connect.add_camera(OTHER_TOKEN).trigger_scheme = "EACH_LAYER"
    data = json.dumps(INFO)
    _, body = await put(http, connect, "/c/info", data, headers={"Token": OTHER_TOKEN})
    assert json.loads(body)["config"]["trigger_scheme"] == "EACH_LAYER"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"config"',
        b"{}",
        b'{"name": "flat"}',
        b'{"config": null}',
        b'{"config": []}',
        b'{"config": {}}',
        b'{"config": {"name": null}}',
        b'{"config": {"name": 5}}',
        b'{"config": {"name": ""}}',
        json.dumps({"config": {"name": "x" * 65}}).encode(),
        b'{"config": {"name": "x", "trigger_scheme": "SOMETIMES"}}',
        b'{"config": {"name": "x", "trigger_scheme": ["TEN_SEC"]}}',
    ],
)
async def test_info_when_wrong_then_400_and_nothing_is_kept(
    connect: LocalConnect, http: aiohttp.ClientSession, body: bytes
) -> None:
    status, text = await put(http, connect, "/c/info", body)
    assert status == 400
    assert "Request body validation error" in text
    assert (await put(http, connect, headers={"Fingerprint": "f" * 32}))[0] == 204


async def test_fail_next_when_scripted_then_answered_so_and_normal_after(
    connect: LocalConnect, http: aiohttp.ClientSession
) -> None:
    connect.fail_next(503, count=2, body="out of order", headers={"Retry-After": "7"})
    connect.fail_next(302, headers={"Location": "/elsewhere"})
    for _ in range(2):
        assert await put(http, connect) == (503, "out of order")
    async with http.put(
        connect.url + "/c/snapshot", data=JPEG, headers=HEADERS, allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "/elsewhere")
    assert (await put(http, connect))[0] == 204
    verdicts = [record.verdict for record in connect.requests]
    assert verdicts == ["scripted", "scripted", "scripted", "accepted"]
    assert connect.accepted(TOKEN) == 1


async def test_max_in_flight_when_two_are_open_then_it_says_two(
    connect: LocalConnect, http: aiohttp.ClientSession
) -> None:
    await put(http, connect)
    assert connect.max_in_flight == 1
    open_ended = raw_head("Content-Length: 1000", "Expect: 100-continue")
    first, second = [
        await asyncio.open_connection(connect.host, connect.port) for _ in range(2)
    ]
    for reader, writer in (first, second):
        writer.write(open_ended)
        async with asyncio.timeout(WAIT_S):
            assert b"100" in await reader.readline()
    for _, writer in (first, second):
        writer.close()
        await writer.wait_closed()
    await connect.wait_for(lambda: len(connect.requests) == 3, WAIT_S)
    assert connect.max_in_flight == 2
    assert {record.verdict for record in connect.requests[1:]} == {"aborted"}


async def test_log_when_asked_then_json_without_a_secret(
    connect: LocalConnect, http: aiohttp.ClientSession
) -> None:
    connect.add_camera(OTHER_TOKEN)
    await put(http, connect)
    agent = {"User-Agent": f"x/{FINGERPRINT}"}
    await put(http, connect, "/c/snapshot?" + TOKEN, headers=agent)
    await put(http, connect, data=JPEG + OTHER_TOKEN.encode() + b"\xff\xd9")
    unknown = "unknown-token-of-20c"
    await put(http, connect, headers={"Token": unknown, "Referer": unknown})
    async with http.get(connect.url + "/_ctl/log") as answer:
        text = await answer.text()
    for secret in (TOKEN, OTHER_TOKEN, FINGERPRINT, unknown):
        assert secret not in text
        assert secret not in repr(connect.requests)
    log = json.loads(text)
    assert [request["leaks"] for request in log["requests"]] == [
        [],
        ["path", "header user-agent"],
        ["body"],
        ["header referer"],
    ]
    assert log["requests"][0]["headers"]["token"] == "Ab***"
    assert log["requests"][0]["headers"]["content-type"] == "image/jpg"
    assert log["max_in_flight"] == 1
    assert log["cameras"][0]["accepted"] == 3
    assert log["cameras"][0]["image_bytes"] > len(JPEG)
    assert log["cameras"][1]["registered"] is False


async def test_log_when_a_header_is_no_text_then_it_is_logged(
    connect: LocalConnect,
) -> None:
    head = raw_head("Content-Length: 3").replace(
        b"Host: x", b"Host: x\r\nX-Odd: \xff\xfe"
    )
    assert b" 204 " in await raw(connect, head + b"abc")
    assert connect.requests[-1].leaks == ()
    json.dumps(connect.log_as_json())


async def test_requests_when_many_then_the_oldest_are_dropped(
    connect: LocalConnect, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_log, "LOGGED_REQUESTS", 3)
    connect._exchanges.log = request_log.RequestLog()
    for size in range(1, 6):
        await put(http, connect, data=b"x" * size)
    assert [record.size_bytes for record in connect.requests] == [3, 4, 5]
    assert connect.accepted(TOKEN) == 5


async def test_wait_for_when_it_never_holds_then_timeout(connect: LocalConnect) -> None:
    with pytest.raises(TimeoutError):
        await connect.wait_for(lambda: False, 0.05)


async def test_aclose_when_called_twice_then_the_port_is_free() -> None:
    connect = LocalConnect()
    await connect.start()
    await connect.aclose()
    await connect.aclose()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(connect.host, connect.port)
    with pytest.raises(ClosedError):
        await connect.start()
