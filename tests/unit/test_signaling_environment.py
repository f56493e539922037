# Tests of where the signalling server is.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prusa Connect's environment.js may look like, and what else may come instead."""

from __future__ import annotations

import asyncio

import pytest

from moonraker_prusacam.connect.signaling import environment
from moonraker_prusacam.connect.signaling.environment import (
    read_signaling_url,
    signaling_url,
)
from moonraker_prusacam.errors import ConfigError, SignalingUnavailable
from tests.support import certificates
from tests.support.web_server import answer, answering

HOST = "camera-signaling.prusa3d.com"
# As other clients describe it: a list of assignments, hosts with and without scheme.
PAGE = f"""
window.API_URL                  = ''
window.CAMERA_SIGNALING_SERVER  = '{HOST}'
window.CAMERA_WEBRTC_CONFIG_URL = 'https://camera.example/v1/camera-webrtc-config'
"""
KIND = "application/javascript"


def page(text: str) -> bytes:
    return answer(200, KIND, text.encode())


@pytest.mark.parametrize(
    "text",
    [
        PAGE,
        f'window.CAMERA_SIGNALING_SERVER="{HOST}";window.B="x";',
        f"window.A='';window.CAMERA_SIGNALING_SERVER = `https://{HOST}`;",
        f"window.CAMERA_SIGNALING_SERVER='old';\n{PAGE}",
        f"\ufeff{PAGE}\xff",
        PAGE.replace("\n", "\r\n"),
        " " * 100_000 + PAGE,
        f"window.CAMERA_SIGNALING_SERVER = 'wss://{HOST}/socket.io/'",
    ],
)
async def test_environment_when_it_names_the_server_then_that_is_the_address(
    text: str,
) -> None:
    async with answering(page(text)) as port:
        url = await read_signaling_url(f"http://127.0.0.1:{port}")
    assert url == f"https://{HOST}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not javascript",
        "window.CAMERA_SIGNALING_SERVER",
        "window.CAMERA_SIGNALING_SERVER = undefined",
        f"window.CAMERA_SIGNALING_SERVER = \"{HOST}'",
        f"window.MY_CAMERA_SIGNALING_SERVER = '{HOST}'",
        f"my.window.CAMERA_SIGNALING_SERVER = '{HOST}'",
        "\0" * 1000,
    ],
)
async def test_environment_when_it_names_none_then_that_is_told(text: str) -> None:
    async with answering(page(text)) as port:
        with pytest.raises(SignalingUnavailable, match="names no signalling") as told:
            await read_signaling_url(f"http://127.0.0.1:{port}")
    assert "signaling_url" in told.value.advice


@pytest.mark.parametrize(
    "value", ["", "ftp://x", "a b", "https://", "x/../y", "user:pass@x", "x" * 300]
)
async def test_environment_when_its_address_is_none_then_that_is_told(
    value: str,
) -> None:
    async with answering(page(f"window.CAMERA_SIGNALING_SERVER='{value}'")) as port:
        with pytest.raises(SignalingUnavailable, match="makes no sense"):
            await read_signaling_url(f"http://127.0.0.1:{port}")


async def test_environment_when_a_web_page_comes_instead_then_that_is_told() -> None:
    html = answer(200, "text/html", b"<!doctype html><html></html>")
    async with answering(html) as port:
        with pytest.raises(SignalingUnavailable, match="a web page"):
            await read_signaling_url(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("status", [203, 301, 404, 429, 500, 503])
async def test_environment_when_it_is_not_there_then_the_status_is_told(
    status: int,
) -> None:
    elsewhere = answer(status, KIND, PAGE.encode(), Location="https://other.example/")
    async with answering(elsewhere) as port:
        with pytest.raises(SignalingUnavailable, match=f"HTTP {status}"):
            await read_signaling_url(f"http://127.0.0.1:{port}")


async def test_environment_when_it_does_not_end_then_only_so_much_is_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"
    async with answering(head + b" " * (1 << 20)) as port:
        with pytest.raises(SignalingUnavailable, match="too long"):
            await read_signaling_url(f"http://127.0.0.1:{port}")


async def test_environment_when_it_breaks_off_then_that_is_told() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nwindow."
    async with answering(head) as port:
        with pytest.raises(SignalingUnavailable, match=r"127\.0\.0\.1"):
            await read_signaling_url(f"http://127.0.0.1:{port}")


async def test_environment_when_nobody_answers_then_the_wait_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "READ_TIMEOUT_S", 0.1)
    async with answering(b"") as port, asyncio.timeout(5):
        with pytest.raises(SignalingUnavailable, match=r"no answer .* in 0\.1 s"):
            await read_signaling_url(f"http://127.0.0.1:{port}")


async def test_environment_when_nobody_listens_then_that_is_told() -> None:
    async with answering(b"") as port:
        pass
    with pytest.raises(SignalingUnavailable, match="refused"):
        await read_signaling_url(f"http://127.0.0.1:{port}")


async def test_environment_when_the_certificate_is_bad_then_that_is_told() -> None:
    context = certificates.server_context(certificates.UNKNOWN_AUTHORITY)
    async with answering(page(PAGE), context=context) as port:
        with pytest.raises(SignalingUnavailable, match="certificate"):
            await read_signaling_url(f"https://127.0.0.1:{port}")


async def test_environment_when_tls_would_be_given_up_then_it_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificates.trust_ours(monkeypatch)
    context = certificates.server_context(certificates.GOOD)
    plain = page("window.CAMERA_SIGNALING_SERVER='http://127.0.0.1:80'")
    async with answering(plain, context=context) as port:
        with pytest.raises(SignalingUnavailable, match="without TLS"):
            await read_signaling_url(f"https://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (HOST, f"https://{HOST}"),
        (f" {HOST}:8443 ", f"https://{HOST}:8443"),
        (f"https://{HOST}/", f"https://{HOST}"),
        (f"wss://{HOST}/socket.io/?EIO=4&transport=websocket", f"https://{HOST}"),
        ("ws://127.0.0.1:1234", "http://127.0.0.1:1234"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_configured_address_when_it_is_one_then_scheme_and_host_are_kept(
    text: str, url: str
) -> None:
    assert signaling_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "file:///etc/passwd",
        "https://user:secret@host",
        "https://host/path",
        "host\nother",
        "ho st",
        "https://host:99999",
        "https://[::1",
        "x" * 256,
    ],
)
def test_configured_address_when_it_is_none_then_refused_without_showing_it(
    text: str,
) -> None:
    with pytest.raises(ConfigError) as told:
        signaling_url(text)
    assert "secret" not in str(told.value)


async def test_configured_server_when_it_is_none_then_refused() -> None:
    with pytest.raises(ConfigError):
        await read_signaling_url("ftp://x")
