# Tests of the gateway's HTTP server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests as browsers make them, and as they are made to get past a filter."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from moonraker_prusacam.errors import AccessDenied, ConfigErrors, PrusacamError
from moonraker_prusacam.gateway import connection, relay
from moonraker_prusacam.gateway import server as gateway_server
from moonraker_prusacam.gateway.service import make_server
from moonraker_prusacam.gateway_options import GatewayConfig
from moonraker_prusacam.networks import Networks, networks
from moonraker_prusacam.secret import Secret
from moonraker_prusacam.viewing_tokens import DAY_S, ViewingTokens
from tests.support.gateway import (
    JPEG,
    FakeEngine,
    FakeMoonraker,
    Watcher,
    gateway,
    raw_exchange,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path


@pytest.fixture
async def moonraker() -> AsyncIterator[FakeMoonraker]:
    async with FakeMoonraker() as made:
        yield made


async def get(
    port: int, path: str, method: str = "GET", **options: Any
) -> tuple[int, Mapping[str, str], bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{port}{path}", **options) as answer,
    ):
        return answer.status, answer.headers, await answer.read()


def words(body: bytes) -> str:
    """The message of an error as Moonraker's clients read it."""
    return str(json.loads(body)["error"]["message"])


async def test_path_when_allowed_then_asked_as_a_call(moonraker: FakeMoonraker) -> None:
    moonraker.answers["server.history.list"] = {"count": 0, "jobs": []}
    async with gateway(moonraker.url) as server:
        path = "/server/history/list?limit=5&order=desc&x=1&token=y"
        status, headers, body = await get(server.port, path)
    assert (status, json.loads(body)) == (200, {"result": {"count": 0, "jobs": []}})
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers
    assert moonraker.requests == [("POST", "/server/jsonrpc")]
    assert moonraker.calls[0]["params"] == {"limit": 5, "order": "desc"}


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"]
)
async def test_method_when_it_is_no_reading_then_405(
    moonraker: FakeMoonraker, method: str
) -> None:
    async with gateway(moonraker.url) as server:
        status, headers, body = await get(
            server.port, "/server/info", method, data=b"x"
        )
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert words(body).startswith("read-only gateway")
    assert moonraker.requests == []


@pytest.mark.parametrize(
    "name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]
)
async def test_method_when_overridden_then_still_a_reading(
    moonraker: FakeMoonraker, name: str
) -> None:
    async with gateway(moonraker.url) as server:
        status, _, _ = await get(server.port, "/server/info", headers={name: "DELETE"})
    assert status == 502  # the fake's answer has no shape that is known
    assert moonraker.methods == ["server.info"]
    assert name not in moonraker.headers[0]


async def test_headers_when_sent_then_none_goes_on(moonraker: FakeMoonraker) -> None:
    moonraker.files["/server/files/gcodes/a.png"] = b"png"
    sent = {
        "Authorization": "Bearer x",
        "X-Api-Key": "x",
        "Cookie": "a=b",
        "X-Forwarded-For": "127.0.0.1",
        "X-Real-IP": "127.0.0.1",
        "Range": "bytes=0-1",
    }
    async with gateway(moonraker.url) as server:
        status, headers, body = await get(
            server.port, "/server/files/gcodes/a.png?access_token=x", headers=sent
        )
    assert (status, body) == (200, b"png")
    # Not what whoever uploaded it made of it.
    assert headers["Content-Type"] == "image/png"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert moonraker.requests == [("GET", "/server/files/gcodes/a.png")]
    assert set(moonraker.headers[0]) == {"Host", "User-Agent", "Accept", "Range"}


SMUGGLED = {
    "body": b"GET /server/info HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd",
    "chunked body": b"GET /server/info HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    "both lengths": b"GET /server/info HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"GET /server/info HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
    b"Content-Length: 40\r\n\r\n",
    "blank before colon": b"GET /server/info HTTP/1.1\r\nHost : a\r\n\r\n",
    "line folding": b"GET /server/info HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    "no host": b"GET /server/info HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /server/info HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "absolute target": b"GET http://a/server/info HTTP/1.1\r\nHost: a\r\n\r\n",
    "other absolute target": b"GET http://b/server/info HTTP/1.1\r\nHost: a\r\n\r\n",
    "authority": b"CONNECT 127.0.0.1:7125 HTTP/1.1\r\nHost: a\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\nOrigin: null\r\n\r\n",
    "upgrade elsewhere": b"GET /server/info HTTP/1.1\r\nHost: a\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "upgrade to h2c": b"GET /server/info HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"
    b"\r\n\r\n",
    "bridge to Klipper": b"GET /klippysocket HTTP/1.1\r\nHost: a\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "old HTTP": b"GET /server/info\r\n\r\n",
    "nul in a header": b"GET /server/info HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
    "huge header": b"GET /server/info HTTP/1.1\r\nHost: a\r\nX: "
    + b"x" * 20_000
    + b"\r\n\r\n",
}


WHOLE = ("absolute target", "other absolute target")


@pytest.mark.parametrize("name", SMUGGLED)
async def test_request_when_ambiguous_then_refused_and_what_follows_is_not_read(
    moonraker: FakeMoonraker, name: str
) -> None:
    hidden = b"GET /access/info HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    async with gateway(moonraker.url) as server:
        said = await raw_exchange(server.port, SMUGGLED[name] + hidden)
    assert said.startswith(b"HTTP/1."), said
    assert said.split(b" ", 2)[1].startswith(b"4"), said
    answers = len(re.findall(rb"HTTP/1\.\d \d{3} ", said))
    # Some are whole requests, whose connection may go on.
    assert answers == (2 if name in WHOLE else 1), said
    assert moonraker.requests == []


async def test_first_request_when_it_does_not_come_then_the_connection_ends(
    moonraker: FakeMoonraker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.1)
    async with gateway(moonraker.url) as server:
        assert await raw_exchange(server.port, b"GET / HTTP/1.1\r\nHo") == b""
        assert (await get(server.port, "/access/info"))[0] == 200


async def test_connections_when_too_many_then_those_that_ask_for_nothing_go(
    moonraker: FakeMoonraker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 3)
    async with gateway(moonraker.url) as server, Watcher(server.port) as watcher:
        idle = [
            await asyncio.open_connection("127.0.0.1", server.port) for _ in range(5)
        ]
        # The oldest three of them, not the viewer who was there before.
        for reader, _ in idle[:3]:
            assert await asyncio.wait_for(reader.read(), 10) == b""
        assert "result" in await watcher.ask("printer.info")
        reader, writer = idle[4]
        writer.write(b"GET /access/info HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        for _, writer in idle:
            writer.close()


async def test_moonraker_when_absent_then_502_in_words(
    moonraker: FakeMoonraker,
) -> None:
    await moonraker.aclose()
    async with gateway(moonraker.url) as server:
        for path in ("/server/info", "/server/files/gcodes/a.png", "/snapshot.jpg"):
            status, headers, body = await get(server.port, path)
            assert (status, headers["Retry-After"]) == (502, "2")
            assert "does not answer" in words(body) or "is it running" in words(body)
        # What it answers itself needs nobody.
        assert (await get(server.port, "/access/info"))[0] == 200


async def test_moonraker_when_it_refuses_then_its_words(
    moonraker: FakeMoonraker,
) -> None:
    moonraker.errors["printer.info"] = (503, "Klippy Host not connected")
    moonraker.errors["server.history.get_job"] = (-32601, "Invalid job uid: 5")
    async with gateway(moonraker.url) as server:
        status, _, body = await get(server.port, "/printer/info")
        assert (status, words(body)) == (503, "Klippy Host not connected")
        status, _, body = await get(server.port, "/server/history/job?uid=5")
        assert (status, words(body)) == (404, "Invalid job uid: 5")


@pytest.mark.parametrize("is_key_wrong", [False, True])
async def test_moonraker_when_it_does_not_trust_the_gateway_then_502_and_the_log_helps(
    moonraker: FakeMoonraker, caplog: pytest.LogCaptureFixture, is_key_wrong: bool
) -> None:
    moonraker.errors["printer.info"] = (-32602, "Unauthorized")
    if is_key_wrong:
        moonraker.status = 401
    async with gateway(moonraker.url) as server:
        status, _, body = await get(server.port, "/printer/info")
    assert status == 502
    assert words(body).startswith("Moonraker does not let the gateway in")
    assert "api_key_file" in caplog.text
    assert "does not answer" not in caplog.text


async def test_api_key_when_configured_then_moonraker_gets_it_and_nobody_else(
    moonraker: FakeMoonraker,
) -> None:
    async with (
        gateway(moonraker.url, api_key=Secret("hunter2")) as server,
        Watcher(server.port) as watcher,
    ):
        await watcher.ask("printer.info")
        status, headers, body = await get(server.port, "/access/info")
    assert moonraker.headers[0]["X-Api-Key"] == "hunter2"
    assert status == 200
    assert "hunter2" not in f"{headers} {body!r}"


NEAR = Networks(networks("127.0.0.0/8").members)
ACCESS: list[tuple[dict[str, Any], dict[str, str], int]] = [
    ({}, {}, 200),
    ({"networks": networks("10.0.0.0/8")}, {}, 403),
    ({"networks": networks("10.0.0.0/8")}, {"X-Forwarded-For": "10.0.0.1"}, 403),
    (
        {"networks": networks("10.0.0.0/8"), "trusted_proxies": NEAR},
        {"X-Forwarded-For": "10.0.0.1"},
        200,
    ),
    (
        {"networks": networks("10.0.0.0/8"), "trusted_proxies": NEAR},
        {"X-Forwarded-For": "10.0.0.1, 8.8.8.8"},
        403,
    ),
    ({"trusted_proxies": NEAR}, {}, 403),
    ({}, {"Host": "printer.local:7126"}, 200),
    ({}, {"Host": "printer"}, 200),
    ({}, {"Host": "[::1]:7126"}, 200),
    ({}, {"Host": "evil.example"}, 421),
    ({}, {"Host": "local.evil.example"}, 421),
    ({}, {"Host": "evil.example/printer.local"}, 400),
    ({}, {"Host": "a@printer.local"}, 400),
    ({}, {"Host": ""}, 400),
    ({"hosts": ("printer.example.org",)}, {"Host": "printer.example.org:7126"}, 200),
    ({"hosts": ("printer.example.org",)}, {"Host": "x.printer.example.org"}, 421),
    ({}, {"Host": "printer.local:7126", "Origin": "http://printer.local"}, 200),
    ({}, {"Host": "printer.local:7126", "Origin": "https://printer.local:8443"}, 200),
    ({}, {"Host": "printer.local:7126", "Origin": "http://evil.example"}, 403),
    ({}, {"Host": "printer.local:7126", "Origin": "http://printer.local.evil"}, 403),
    ({}, {"Host": "printer.local:7126", "Origin": "null"}, 403),
    ({}, {"Host": "printer.local:7126", "Origin": "file://printer.local"}, 403),
    (
        {"cors_origins": ("http://my.mainsail.xyz",)},
        {"Host": "printer.local:7126", "Origin": "http://my.mainsail.xyz"},
        200,
    ),
    (
        {"cors_origins": ("http://my.mainsail.xyz",)},
        {"Host": "printer.local:7126", "Origin": "https://my.mainsail.xyz"},
        403,
    ),
    ({"token": Secret("hunter2")}, {}, 401),
    ({"token": Secret("hunter2")}, {"X-Api-Key": "hunter"}, 401),
    ({"token": Secret("hunter2")}, {"X-Api-Key": "hunter2"}, 200),
    ({"token": Secret("hunter2")}, {"Authorization": "Bearer hunter2"}, 200),
    ({"token": Secret("hunter2")}, {"Authorization": "Basic hunter2"}, 401),
]


@pytest.mark.parametrize(("options", "headers", "expected"), ACCESS)
async def test_viewer_when_asking_then_admitted_by_the_rules(
    moonraker: FakeMoonraker,
    options: dict[str, Any],
    headers: dict[str, str],
    expected: int,
) -> None:
    async with gateway(moonraker.url, **options) as server:
        status, told, body = await get(server.port, "/access/info", headers=headers)
        assert status == expected, body
        allowed = told.get("Access-Control-Allow-Origin")
        assert allowed == (headers.get("Origin") if expected == 200 else None)
        assert b"hunter2" not in body
        if expected != 200:
            # The same at the other doors.
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await Watcher(server.port, headers=headers).__aenter__()
            assert caught.value.status == expected
            for path in ("/snapshot.jpg", "/nothing", "/server/files/gcodes/a.png"):
                assert (await get(server.port, path, headers=headers))[0] == expected


async def test_token_when_in_the_query_then_admitted_and_not_passed_on(
    moonraker: FakeMoonraker,
) -> None:
    async with gateway(moonraker.url, token=Secret("hunter2")) as server:
        assert (await get(server.port, "/printer/info?token=hunter2"))[0] == 200
    assert "hunter2" not in f"{moonraker.requests} {moonraker.texts}"


async def test_preflight_when_from_a_page_that_may_then_it_may_read(
    moonraker: FakeMoonraker,
) -> None:
    key = {"X-Api-Key": "hunter2"}
    page = {"Origin": "http://127.0.0.1:8080", "Access-Control-Request-Method": "POST"}
    async with gateway(moonraker.url, token=Secret("hunter2")) as server:
        status, headers, _ = await get(
            server.port, "/server/info", "OPTIONS", headers=page
        )
        assert (status, headers["Access-Control-Allow-Origin"]) == (204, page["Origin"])
        # Refused in words that the page can read.
        status, headers, body = await get(
            server.port, "/server/database/item", "POST", headers=page | key, data=b"{}"
        )
    assert (status, headers["Access-Control-Allow-Origin"]) == (405, page["Origin"])
    assert words(body).startswith("read-only gateway")


async def test_snapshot_when_asked_for_then_the_engines(
    moonraker: FakeMoonraker,
) -> None:
    async with FakeEngine() as engine, gateway(moonraker.url, engine.url) as server:
        for path in ("/snapshot.jpg", "/webcam2/?action=snapshot", "/?action=snapshot"):
            status, headers, body = await get(server.port, path)
            assert (status, body, headers["X-Frame-Seq"]) == (200, JPEG, "5")
            assert "Set-Cookie" not in headers
        status, headers, body = await get(server.port, "/snapshot.jpg", "HEAD")
        assert (status, body, headers["Content-Length"]) == (200, b"", str(len(JPEG)))
    assert engine.targets == [*["GET /snapshot.jpg"] * 3, "HEAD /snapshot.jpg"]


async def test_cameras_when_the_engine_wants_tokens_then_the_gateway_shows_its_own(
    moonraker: FakeMoonraker, tmp_path: Path
) -> None:
    tokens, shown = ViewingTokens(tmp_path), ViewingTokens(tmp_path)
    await asyncio.to_thread(tokens.load)

    def check(query: Mapping[str, str]) -> bool:
        try:
            return tokens.check(query.get("token"), None) > DAY_S
        except AccessDenied:
            return False

    async with (
        FakeEngine(check) as engine,
        gateway(moonraker.url, engine.url, tokens=shown) as server,
    ):
        path = "/webcam2/?action=snapshot&token=***"
        assert (await get(server.port, path))[0] == 200
        # Revoked: another key, in the same file.
        await asyncio.to_thread(tokens.revoke)
        status, headers, body = await get(server.port, "/snapshot.jpg?camera=a")
        assert (status, body) == (200, JPEG)
        assert len(engine.targets) == 3
        assert "***" not in "".join(engine.targets)
        assert engine.targets[-1].startswith("GET /snapshot.jpg?camera=a&token=")
        assert engine.targets[-1].rpartition("=")[2] not in f"{headers} {body!r}"


async def test_stream_when_the_viewer_stops_reading_then_the_engine_is_not_read(
    moonraker: FakeMoonraker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "STALL_TIMEOUT_S", 0.5)
    async with FakeEngine() as engine, gateway(moonraker.url, engine.url) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /stream.mjpg HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"boundary=b\r\n" in head
        assert b"Connection: close" in head
        # Whoever takes nothing is closed, and so is the engine's stream.
        async with asyncio.timeout(10):
            await engine.is_closed.wait()
        # The kernels' buffers of two connections, and ours; no more of 10 s.
        assert engine.written < 16 << 20
        writer.close()


@asynccontextmanager
async def stream_from(address: str, port: int) -> AsyncIterator[int]:
    """The status of a stream that is asked for from an address of this host."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"http://127.0.0.1:{port}/stream.mjpg") as answer,
    ):
        yield answer.status


async def test_viewers_when_too_many_then_told_503_and_admitted_when_others_left(
    moonraker: FakeMoonraker,
) -> None:
    async with (
        FakeEngine() as engine,
        gateway(moonraker.url, engine.url, max_viewers=4) as server,
    ):
        # Three quarters of all may come from one address.
        addresses = ["127.0.0.1"] * 4 + ["127.0.0.2", "127.0.0.3"]
        async with AsyncExitStack() as stack:
            statuses = [
                await stack.enter_async_context(stream_from(address, server.port))
                for address in addresses
            ]
            assert statuses == [200, 200, 200, 503, 200, 503]
            # WebSockets are counted for themselves.
            async with Watcher(server.port) as watcher:
                assert "result" in await watcher.ask("printer.info")
        status = 503
        async with asyncio.timeout(10):
            while status == 503:
                async with stream_from("127.0.0.3", server.port) as status:
                    pass
        assert status == 200


async def test_flood_of_paths_when_of_one_address_then_slow_for_this_one_only(
    moonraker: FakeMoonraker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_server, "CALLS_AT_ONCE", 5.0)
    clock = asyncio.get_running_loop().time
    async with gateway(moonraker.url) as server:
        began = clock()
        for _ in range(10):
            await get(server.port, "/access/info")
        assert clock() - began > 0.8 * 5 / gateway_server.CALLS_PER_SECOND
        began = clock()
        other = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        async with (
            aiohttp.ClientSession(connector=other) as session,
            session.get(f"http://127.0.0.1:{server.port}/access/info") as answer,
        ):
            assert answer.status == 200
        assert clock() - began < 1.0


async def test_port_when_taken_then_an_error_that_names_it(
    moonraker: FakeMoonraker,
) -> None:
    async with gateway(moonraker.url) as server:
        config = GatewayConfig(host="127.0.0.1", port=server.port)
        other = type(server)(config, "http://127.0.0.1:9")
        with pytest.raises(PrusacamError, match=r"\[gateway\] port"):
            await other.start()
        await other.aclose()


async def test_service_when_made_of_a_file_then_finds_engine_and_secrets(
    tmp_path: Path,
) -> None:
    from moonraker_prusacam import config

    key = tmp_path / "key"
    key.write_text("hunter2\n")
    text = (
        f"[gateway]\nmoonraker: http://printer:7125/a/\napi_key_file: {key}\n"
        "hosts: Printer.Example.org, b.example\ncors_origins: HTTP://My.Page\n"
        "[engine]\nhost: ::\nport: 8082\n[camera a]\nsource: test:\n"
        "webcam_url: /cam\n[camera b]\nsource: test:\nwebcam_url: http://b/\n"
    )
    made = await asyncio.to_thread(config.loads, text)
    assert made.gateway is not None
    assert made.gateway.api_key == Secret("hunter2")
    assert made.gateway.hosts == ("printer.example.org", "b.example")
    assert made.gateway.cors_origins == ("http://my.page",)
    assert "hunter2" not in repr(made)
    server = make_server(made)
    assert server._cameras._url == "http://[::1]:8082"
    assert server._webcam_paths == ("/cam/", "/webcam3/")
    await server.aclose()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("networks: 10.0.0.1/8", "that is 10.0.0.0/8"),
        ("hosts: a b!", "'b!' is not the name of a host"),
        ("cors_origins: printer", "'printer' is no origin"),
        ("cors_origins: http://a/b", "is no origin"),
        ("cors_origins: *", "would let every page read"),
        ("moonraker: http://a:b@c", "has more than a host"),
        ("max_viewers: 0", "0 is not from 1 to 256"),
        ("token_file: token", "is not the absolute path"),
        ("token_file: /nowhere/token", "No such file"),
        ("tokn: a", "unknown option"),
    ],
)
def test_option_when_wrong_then_told_where(line: str, said: str) -> None:
    from moonraker_prusacam import config

    with pytest.raises(ConfigErrors) as caught:
        config.loads(f"[gateway]\n{line}\n")
    assert said in str(caught.value)
    assert "line 2" in str(caught.value)
