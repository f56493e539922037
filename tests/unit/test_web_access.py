# Tests of who is let in.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closed to everybody but trusted networks and holders of tokens, on every way in."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

from moonraker_prusacam.networks import networks
from moonraker_prusacam.web import access, routes
from moonraker_prusacam.web.routes import LONG, OF_CAMERA, SHORT
from tests.support.guarded_site import guarded, request
from tests.support.pushed_source import picture

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.viewers import Answer

HOUR_S = 3600.0
LAN = "127.0.0.66"  # stands for another host of the network
TRUSTED = networks("127.0.0.66")
TRUSTING: dict[str, Any] = {
    "require_token": True,
    "trusted_networks": TRUSTED,
    "trusted_proxies": networks("127.0.0.1"),
}
ORIGIN = "Access-Control-Allow-Origin"
PRIVATE = "Access-Control-Allow-Private-Network"
OF_ONE = [
    "/snapshot.jpg",
    "/snapshot.jpg?placeholder=1",
    "/snapshot.jpg?max_age=60",
    "/?action=snapshot",
    "/stream.mjpg",
    "/?action=stream",
    "/cameras/bed/snapshot",
    "/cameras/bed/stream",
    "/printers/bed/camera/stream",
    "/cameras/bed/stop?viewer=x",
    "/printers/bed/camera/stop?viewer=x",
    "/cameras/bed/test",
]
OF_ALL = [
    *(path for path, route in SHORT.items() if route.answer not in routes.OF_ONE),
    "/?action=x",
]


def with_token(target: str, token: str) -> str:
    return f"{target}{'&' if '?' in target else '?'}token={token}"


def assert_refused(answer: Answer, words: str, status: int = 401) -> None:
    assert answer.status == status
    refusal = json.loads(answer.body)
    assert set(refusal) == {"error", "detail"}
    assert words in refusal["detail"]
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="prusacam"'
    assert "no-store" in answer.headers["Cache-Control"]


def test_routes_when_counted_then_each_is_asked_here() -> None:
    asked = {target.partition("?")[0] for target in OF_ONE + OF_ALL}
    assert asked >= SHORT.keys()
    actions = {match[3] for path in asked if (match := LONG.fullmatch(path))}
    assert actions == OF_CAMERA.keys()


# Tokens


@pytest.mark.parametrize("target", [*OF_ONE, *OF_ALL])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_route_when_there_is_no_token_then_refused(
    tmp_path: Path, target: str, method: str
) -> None:
    async with guarded(tmp_path, "bed", require_token=True) as site:
        if "stop" in target and method == "HEAD":
            method = "POST"
        answer = await site.ask(target, method=method)
        assert answer.status == 401
        if method != "HEAD":
            assert_refused(answer, "a viewing token is needed")
        assert site.pump.stats.opened == 0


@pytest.mark.parametrize("target", OF_ONE)
async def test_camera_when_the_token_is_its_own_then_let_in(
    tmp_path: Path, target: str
) -> None:
    async with guarded(tmp_path, "bed", "front", require_token=True) as site:
        token = site.tokens.issue("bed", HOUR_S)
        for _ in range(2):
            assert (await site.ask(with_token(target, token))).status == 200
            bearer = f"Authorization: Bearer {token}"
            assert (await site.ask(target, bearer)).status == 200


@pytest.mark.parametrize("target", OF_ONE)
async def test_camera_when_the_token_is_for_another_then_refused(
    tmp_path: Path, target: str
) -> None:
    async with guarded(tmp_path, "bed", "front", require_token=True) as site:
        token = site.tokens.issue("front", HOUR_S)
        answer = await site.ask(with_token(target, token))
        assert_refused(answer, "the token is for one camera")
        if target.startswith(("/snapshot", "/stream", "/?")):
            named = with_token(with_token(target, token), "x&camera=front")
            assert (await site.ask(named)).status == 200


@pytest.mark.parametrize("target", OF_ALL)
async def test_rest_when_the_token_is_for_a_camera_then_refused(
    tmp_path: Path, target: str
) -> None:
    async with guarded(tmp_path, "bed", require_token=True) as site:
        token = site.tokens.issue("bed", HOUR_S)
        answer = await site.ask(with_token(target, token))
        assert_refused(answer, "the token is for one camera")
        for_all = with_token(target, site.tokens.issue(None, HOUR_S))
        assert (await site.ask(for_all)).status not in (401, 421)


@pytest.mark.parametrize(
    "target", ["/cameras/nobody/stream", "/snapshot.jpg?camera=nobody"]
)
async def test_camera_when_there_is_none_then_strangers_are_not_told(
    tmp_path: Path, target: str
) -> None:
    async with guarded(tmp_path, "bed", require_token=True) as site:
        assert_refused(await site.ask(target), "a viewing token is needed")
        token = site.tokens.issue(None, HOUR_S)
        assert (await site.ask(with_token(target, token))).status == 404


BAD_HEADERS = ["Bearer", "Bearer x", "Basic eDp4", "Token {token}", "{token}", "Bearer"]


@pytest.mark.parametrize("value", BAD_HEADERS)
async def test_header_when_it_holds_no_bearer_token_then_refused(
    tmp_path: Path, value: str
) -> None:
    async with guarded(tmp_path, "bed", require_token=True) as site:
        token = site.tokens.issue("bed", HOUR_S)
        header = f"Authorization: {value.format(token=token)}"
        assert (await site.ask("/snapshot.jpg", header)).status == 401
        lower = f"authorization: bearer  {token} "
        assert (await site.ask("/snapshot.jpg", lower)).status == 200


async def test_token_when_wrong_or_expired_then_told_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with guarded(tmp_path, "bed", require_token=True) as site:
        expired = site.tokens.issue("bed", -1)
        wrong = f"{site.tokens.issue('bed', HOUR_S)[:-4]}AAAA"
        for token, words in ((expired, "expired"), (wrong, "or was revoked")):
            for target in OF_ONE:
                answer = await site.ask(with_token(target, token))
                assert_refused(answer, words)
                seen = answer.body.decode() + str(answer.headers) + caplog.text
                assert token[:20] not in seen
                assert token[-20:-4] not in seen


@pytest.mark.parametrize(
    "malformed",
    [
        "GET /snapshot.jpg?token={token} HTTP/9\r\n\r\n",
        "GET /snapshot.jpg?token={token} x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /{token}\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://[{token}/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization {token}\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nX: {token}" + "x" * 9000 + "\r\n\r\n",
    ],
)
async def test_request_when_it_is_malformed_then_a_token_in_it_is_not_repeated(
    tmp_path: Path, malformed: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with guarded(tmp_path, "bed", require_token=True) as site:
        token = site.tokens.issue("bed", HOUR_S)
        async with site.client() as client:
            await client.send(malformed.format(token=token).encode())
            said = await client.read_to_end()
        assert said.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
        assert token[:20] not in said.decode() + caplog.text


async def test_poll_when_the_token_expires_then_refused_on_the_same_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Straight from memory, where the same bytes are not parsed again."""
    monkeypatch.setattr(access, "TRUST_S", 0.0)
    async with guarded(tmp_path, "bed", require_token=True) as site:
        token = site.tokens.issue("bed", HOUR_S)
        asked = request(with_token("/snapshot.jpg", token), "Host: a")
        async with site.client() as client:
            for _ in range(3):
                await client.send(asked)
                head = await client.read_head()
                assert head.status == 200
                assert head.headers[ORIGIN] == "*"
                await client.read_exactly(int(head.headers["Content-Length"]))
            await asyncio.to_thread(site.tokens.revoke)
            await client.send(asked)
            assert (await client.read_head()).status == 401


async def test_poll_when_let_in_then_not_examined_again_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with guarded(tmp_path, "bed", require_token=True) as site:
        asked = request(with_token("/snapshot.jpg", site.tokens.issue("bed", 60.0)))
        counted = Mock(wraps=site.tokens.check)
        monkeypatch.setattr(site.tokens, "check", counted)
        async with site.client() as client:
            for _ in range(20):
                await client.send(asked)
                head = await client.read_head()
                await client.read_exactly(int(head.headers["Content-Length"]))
        assert counted.call_count == 1


async def test_refusals_when_many_then_the_log_has_one_line_a_minute(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarded(tmp_path, "bed", require_token=True) as site:
        for _ in range(50):
            await site.ask("/snapshot.jpg", address=LAN)
        (record,) = caplog.records
        assert record.getMessage() == (
            "A viewer at 127.0.0.66 was not let in: a viewing token is needed: "
            "?token=TOKEN, or 'Authorization: Bearer TOKEN'; 'prusacam token' makes one"
        )
        monkeypatch.setattr(access, "LOG_INTERVAL_S", 0.0)
        await site.ask("/stream.mjpg?token=secret.secret")
        assert "(and 49 before): the token is not one of" in caplog.messages[1]
        assert "secret" not in caplog.text


# Streams, by both pumps


async def test_stream_when_let_in_then_frames_come_and_are_of_no_one_else(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path, "bed", **TRUSTING) as site:
        target = with_token("/stream.mjpg", site.tokens.issue("bed", HOUR_S))
        async with (
            site.viewing(target) as (viewer, parser),
            site.viewing("/stream.mjpg", address=LAN) as (trusted, other),
        ):
            assert await viewer.read_frames(parser, 1) == [picture()]
            assert await trusted.read_frames(other, 1) == [picture()]
            assert (await site.ask("/stream.mjpg")).status == 401
            site.send(picture(1))
            assert await viewer.read_frames(parser, 1) == [picture(1)]
            assert site.pump.stats.opened == 2
            site.web.dismiss_all()
            await viewer.read_to_end()
        await site.viewers(0)


async def test_stream_when_its_token_expires_then_it_ends(tmp_path: Path) -> None:
    async with guarded(tmp_path, "bed", **TRUSTING) as site:
        # Expiry is in whole seconds.
        target = with_token("/stream.mjpg", site.tokens.issue("bed", 2.0))
        async with (
            site.viewing(target) as (viewer, parser),
            site.viewing("/stream.mjpg", address=LAN) as (trusted, other),
        ):
            assert await viewer.read_frames(parser, 1) == [picture()]
            assert await trusted.read_frames(other, 1) == [picture()]
            await viewer.read_to_end()
            await site.viewers(1)
            site.send(picture(1))
            assert picture(1) in await trusted.read_frames(other, 2)
        assert (await site.ask(target)).status == 401


async def test_stream_when_nothing_is_compiled_then_let_in_by_the_same_rules() -> None:
    environment = {**os.environ, "PRUSACAM_PURE_PYTHON": "1"}
    select = "it_ends or of_no_one_else or no_token or its_own or same_connection"
    if environment.get("PRUSACAM_PURE_TEST"):
        pytest.skip("this is the run that nothing is compiled in")
    done = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-x", "-k", select, __file__),
        env={**environment, "PRUSACAM_PURE_TEST": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await done.communicate()
    assert done.returncode == 0, output.decode()
    assert b"passed" in output


# Addresses


async def test_viewer_when_in_a_trusted_network_then_needs_no_token(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path, "bed", **TRUSTING) as site:
        for target in [*OF_ONE, "/", "/status.json"]:
            assert (await site.ask(target, address=LAN)).status == 200
            assert (await site.ask(target, address="127.0.0.67")).status == 401


@pytest.mark.parametrize("target", ["/snapshot.jpg", "/stream.mjpg", "/status.json"])
async def test_viewer_when_behind_a_trusted_proxy_then_its_own_address_counts(
    tmp_path: Path, target: str
) -> None:
    async with guarded(tmp_path, "bed", **TRUSTING) as site:
        for header, status in (
            ("X-Forwarded-For: 127.0.0.66", 200),
            ("X-Forwarded-For: 127.0.0.66, 127.0.0.67", 401),
            ("X-Forwarded-For: 127.0.0.67, 127.0.0.66", 200),
            ("X-Real-IP: 127.0.0.66", 200),
            ("Forwarded: for=127.0.0.66", 200),
            ("X-Forwarded-For: nonsense", 401),
            ("X-Whatever: 127.0.0.66", 401),
        ):
            assert (await site.ask(target, header)).status == status, header


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
async def test_viewer_when_it_invents_an_address_then_its_own_counts(
    tmp_path: Path, header: str
) -> None:
    claim = "for=127.0.0.66" if header == "Forwarded" else "127.0.0.66"
    async with guarded(tmp_path, "bed", **TRUSTING) as site:
        for target in ("/snapshot.jpg", "/stream.mjpg"):
            answer = await site.ask(target, f"{header}: {claim}", address="127.0.0.67")
            assert answer.status == 401
    nobody = {**TRUSTING, "trusted_proxies": networks("none")}
    async with guarded(tmp_path, "bed", **nobody) as site:
        assert (await site.ask("/snapshot.jpg", f"{header}: {claim}")).status == 401


async def test_stream_when_behind_a_trusted_proxy_then_the_status_names_the_viewer(
    tmp_path: Path,
) -> None:
    proxies = networks("127.0.0.1")
    async with guarded(tmp_path, "bed", trusted_proxies=proxies) as site:
        forwarded = "X-Forwarded-For: 192.0.2.7"
        async with site.viewing("/stream.mjpg", forwarded):
            assert site.status() == {"streams": ["192.0.2.7"]}
        async with site.viewing("/stream.mjpg", forwarded, address=LAN):
            assert LAN in site.status()["streams"]


# Pages of other origins, and names of other people


@pytest.mark.parametrize("target", ["/snapshot.jpg", "/cameras/bed/snapshot"])
async def test_cors_when_nothing_is_said_then_a_token_opens_to_every_page(
    tmp_path: Path, target: str
) -> None:
    async with guarded(tmp_path, "bed", **TRUSTING) as site:
        token = site.tokens.issue("bed", HOUR_S)
        opened = await site.ask(
            with_token(target, token), "Origin: http://evil.example"
        )
        assert opened.headers[ORIGIN] == "*"
        trusted = await site.ask(target, "Origin: http://evil.example", address=LAN)
        assert trusted.status == 200
        assert ORIGIN not in trusted.headers
        assert PRIVATE not in trusted.headers
        refused = await site.ask(target, "Origin: http://evil.example")
        assert refused.status == 401
        assert ORIGIN not in refused.headers


@pytest.mark.parametrize(
    "target", ["/snapshot.jpg", "/cameras/bed/snapshot", "/stream.mjpg", "/status.json"]
)
async def test_cors_when_origins_are_listed_then_only_they_may_read(
    tmp_path: Path, target: str
) -> None:
    listed = ("http://mainsail.local", "https://a.example:8443")
    async with guarded(tmp_path, "bed", cors_origins=listed) as site:
        for origin in ("http://mainsail.local", "https://A.example:8443"):
            answer = await site.ask(target, f"Origin: {origin}")
            assert answer.status == 200
            assert answer.headers[ORIGIN] == origin.lower()
            assert answer.headers[PRIVATE] == "true"
            assert answer.headers["Vary"] == "Origin"
        for other in ("http://evil.example", "https://mainsail.local", "null", ""):
            answer = await site.ask(target, f"Origin: {other}")
            assert answer.status == 200
            assert ORIGIN not in answer.headers
            assert answer.headers["Vary"] == "Origin"


async def test_cors_when_all_or_none_are_named_then_it_holds_for_everybody(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path, "bed", **TRUSTING, cors_origins=("*",)) as site:
        assert (await site.ask("/snapshot.jpg", address=LAN)).headers[ORIGIN] == "*"
    async with guarded(tmp_path, "bed", **TRUSTING, cors_origins=()) as site:
        token = site.tokens.issue("bed", HOUR_S)
        for target in ("/snapshot.jpg", "/stream.mjpg"):
            answer = await site.ask(with_token(target, token))
            assert answer.status == 200
            assert ORIGIN not in answer.headers


HOSTS = {
    **dict.fromkeys(
        (
            "127.0.0.1:8081",
            "[::1]:8081",
            "192.168.1.5",
            "localhost",
            "printer",
            "mjpgstreamer2",  # what stock configurations of nginx send
            "printer.local:80",
            "PRINTER.LOCAL.",
            "printer.lan",
            "printer.example.org",  # from a webcam_url
            "voron.example.net",  # from hosts
            "mainsail.example.com",  # from cors_origins
        ),
        200,
    ),
    **dict.fromkeys(
        (
            "evil.example",
            "evil.example:8081",
            "local.evil.example",
            "evil.example#printer.local",
            "printer.example.org.evil.example",
            "127.0.0.1.evil.example",
            "a@evil.example",
            "[::1",
            "",
        ),
        421,
    ),
}


@pytest.mark.parametrize(("host", "status"), HOSTS.items())
async def test_host_when_a_browser_was_led_here_then_refused(
    tmp_path: Path, host: str, status: int
) -> None:
    rules = {
        **TRUSTING,
        "hosts": ("voron.example.net",),
        "cors_origins": ("http://mainsail.example.com",),
    }
    async with guarded(tmp_path, "bed", **rules) as site:
        for target in ("/snapshot.jpg", "/cameras/bed/snapshot"):
            answer = await site.ask(target, host=host, address=LAN)
            if status == 421:
                assert_refused(answer, "add it to 'hosts' in [access]", 421)
            assert answer.status == status
            # A stranger's page has no token.
            token = site.tokens.issue("bed", HOUR_S)
            opened = await site.ask(with_token(target, token), host=host)
            assert opened.status == 200


async def test_access_when_nothing_is_configured_then_everything_is_as_it_was(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path, "bed") as site:
        for target in [*OF_ONE, "/", "/status.json"]:
            answer = await site.ask(
                with_token(target, "whatever"),
                "Authorization: Bearer whatever",
                "X-Forwarded-For: nonsense",
                "Origin: http://evil.example",
                host="evil.example",
            )
            assert answer.status == 200
            assert answer.headers[ORIGIN] == "*"
            assert answer.headers[PRIVATE] == "true"
            assert "Vary" not in answer.headers
