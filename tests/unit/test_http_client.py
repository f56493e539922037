# Tests of requests to a camera's web server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins, redirects, refusals and certificates, seen by a camera and by its owner."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.http import client as http_client
from moonraker_prusacam.camera.sources.http import HttpSource
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.errors import (
    SourceError,
    SourceRefused,
    SourceUnavailable,
    SourceUnfit,
)
from moonraker_prusacam.secret import Secret
from tests.support import certificates, jpeg
from tests.support.http_camera import (
    MULTIPART,
    HttpCamera,
    Reply,
    Request,
    giving,
    head,
    part,
    streaming,
    whole,
)
from tests.support.sources import Received, closed_port, source_of
from tests.support.web_server import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_S = 10.0
SHORT_S = 0.05
USER, PASSWORD = "Jürgen", "p@ss:w#rd %20"
QUOTED = "J%C3%BCrgen:p%40ss%3Aw%23rd%20%2520@"
STREAM = MULTIPART + part(jpeg.picture(64, 48))
SECRETS = (PASSWORD, USER, "p%40ss", "hunter2", base64.b64encode(b"x").decode())


@asynccontextmanager
async def run(url: str, **options: Any) -> AsyncIterator[Received]:
    """A source that runs for the time of the block, and has not failed in it."""
    received = Received()
    task = asyncio.create_task(source_of(url, **options).run(received))
    try:
        waiting = asyncio.create_task(received.frames(1))
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await task
        await waiting
        yield received
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def refused(url: str, **options: Any) -> SourceError:
    """What the source says; nothing secret is in it."""
    with pytest.raises(SourceError) as caught:
        async with asyncio.timeout(WAIT_S), run(url, **options):
            pass
    error = caught.value
    told = f"{error} {error.advice} {error!r} {error.__cause__!r}"
    for secret in SECRETS[:-1]:
        assert secret not in told
    return error


class Login:
    """A camera that shows its stream to who knows the password."""

    def __init__(self, *challenges: str, closes: bool = False) -> None:
        self.challenges = challenges
        self.closes = closes
        self.stale_once = False
        self.used: list[str] = []

    async def __call__(self, request: Request, reply: Reply) -> None:
        told = request.headers.get("authorization", "")
        if self.is_right(request, told) and not self.stale_once:
            await reply.send(STREAM)
            await reply.silence()
            return
        lines = [f"WWW-Authenticate: {line}" for line in self.challenges]
        if told and self.stale_once:
            self.stale_once = False
            lines = [f"{line}, stale=true" for line in lines]
        start = "\r\n".join(("HTTP/1.1 401 No", *lines, "Content-Length: 6"))
        await reply.send(start.encode() + b"\r\n\r\ndenied")
        if self.closes:
            reply.close()

    def is_right(self, request: Request, told: str) -> bool:
        kind, _, rest = told.partition(" ")
        if kind == "Basic":
            return base64.b64decode(rest).decode() == f"{USER}:{PASSWORD}"
        if kind != "Digest":
            return False
        found = re.findall(r'(\w+)=(?:"([^"]*)"|([^,]+))', rest)
        fields = {name: quoted or plain for name, quoted, plain in found}
        assert fields["uri"] == request.target
        self.used.append(fields["nonce"])

        def hashed(*parts: str) -> str:
            algorithm = fields.get("algorithm", "MD5").replace("-", "")
            return hashlib.new(algorithm, ":".join(parts).encode()).hexdigest()

        who = hashed(fields["username"], fields["realm"], PASSWORD)
        what = hashed(request.method, request.target)
        counted = [fields[name] for name in ("nc", "cnonce", "qop") if name in fields]
        response = hashed(who, fields["nonce"], *counted, what)
        return bool(response == fields["response"])


BASIC = 'Basic realm="cam"'
DIGEST = 'Digest realm="cam", nonce="abc", qop="auth"'
SHA = 'Digest realm="cam", nonce="def", qop="auth", algorithm=SHA-256'
OLD = 'Digest realm="cam", nonce="ghi"'
LOGINS = {
    "Basic": [BASIC],
    "Digest": [DIGEST],
    "Digest of the first RFC": [OLD],
    "SHA-256": [SHA],
    "several headers": [BASIC, OLD, SHA],
    "one header": [f"{BASIC}, {SHA}"],
    "unknown ones first": ["Negotiate", f"NTLM, {DIGEST}"],
}


@pytest.mark.parametrize("name", LOGINS)
@pytest.mark.parametrize("closes", [True, False])
async def test_login_when_asked_for_then_answered(name: str, closes: bool) -> None:
    async with HttpCamera(Login(*LOGINS[name], closes=closes)) as camera:
        url = camera.url("/a%2Fb?action=stream", user=QUOTED)
        async with run(url) as received:
            assert list(received.attempt.durations_s) == [
                Stage.REACHABLE,
                Stage.AUTHENTICATED,
            ]
        first, second = camera.requests
        # Who asks for a digest never sees the password.
        assert "authorization" not in first.headers
        assert second.target == "/a%2Fb?action=stream"
        assert camera.connections == (2 if closes else 1)


async def test_login_when_it_stands_in_options_then_used() -> None:
    async with (
        HttpCamera(Login(DIGEST)) as camera,
        run(camera.url(), username=USER, password=Secret(PASSWORD)),
    ):
        assert len(camera.requests) == 2


async def test_login_when_the_nonce_is_stale_then_once_more() -> None:
    login = Login(DIGEST)
    login.stale_once = True
    async with HttpCamera(login) as camera, run(camera.url(user=QUOTED)):
        assert len(camera.requests) == 3
        assert camera.connections == 1


async def test_login_when_the_password_is_wrong_then_refused_after_one_try() -> None:
    for challenge in (BASIC, DIGEST, f"{DIGEST}, stale=true"):
        async with HttpCamera(Login(challenge)) as camera:
            error = await refused(camera.url(user="me:hunter2@"))
            assert isinstance(error, SourceRefused)
            assert "does not take that user" in str(error)
            assert "username and password in [camera bed]" in error.advice
            # A camera that locks out after three wrong ones does not after this.
            assert len(camera.requests) == (3 if "stale" in challenge else 2)


async def test_login_when_none_is_configured_then_told_where_it_belongs() -> None:
    async with HttpCamera(Login(BASIC)) as camera:
        error = await refused(camera.url())
        assert isinstance(error, SourceRefused)
        assert "wants a user and a password" in str(error)
        assert "[camera bed]" in error.advice
        assert len(camera.requests) == 1


async def test_login_when_its_kind_is_unknown_then_told() -> None:
    async with HttpCamera(Login("Negotiate", "Bearer realm=x")) as camera:
        error = await refused(camera.url(user=QUOTED))
        assert isinstance(error, SourceRefused)
        assert "not known here" in str(error)
        assert "Basic or Digest" in error.advice


async def test_login_when_the_refusal_has_no_end_then_another_connection() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        if "authorization" in request.headers:
            await reply.send(STREAM)
        else:
            await reply.send(head(401, WWW_Authenticate=BASIC), b"x" * 100_000)
        await reply.silence()

    async with HttpCamera(answer) as camera, run(camera.url(user=QUOTED)):
        assert camera.connections == 2


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (403, SourceRefused, "refuses to show the picture: 403 (Forbidden)"),
        (404, SourceUnavailable, "nothing at that address: 404 (Not Found)"),
        (410, SourceUnavailable, "nothing at that address: 410 (Gone)"),
        (500, SourceUnavailable, "no picture at the moment: 500"),
        (503, SourceUnavailable, "no picture at the moment: 503 (Service Unavailable)"),
        (599, SourceUnavailable, "no picture at the moment: 599"),
        (204, SourceUnavailable, "answers 204 (No Content)"),
        (304, SourceUnavailable, "answers 304 (Not Modified)"),
        (400, SourceUnavailable, "answers 400 (Bad Request)"),
        (405, SourceUnavailable, "answers 405"),
        (429, SourceUnavailable, "answers 429"),
        (299, SourceUnavailable, "answers 299"),
    ],
)
async def test_status_when_it_is_not_200_then_in_words(
    status: int, kind: type[SourceError], words: str
) -> None:
    body = b"" if status in (204, 304) else b"hunter2"
    async with HttpCamera(giving(whole(body, "text/html", status))) as camera:
        error = await refused(camera.url("/video?password=hunter2"))
        assert type(error) is kind
        assert words in str(error)
        assert error.advice


def moved(location: str, status: int = 302) -> bytes:
    return head(status, Location=location, Content_Length=0)


MOVES = {
    "path": ("/stream?x=%20y", "/stream?x=%20y"),
    "relative": ("stream", "/here/stream"),
    "query": ("?action=stream", "/here/cam?action=stream"),
    "whole": ("http://127.0.0.1:{port}/stream", "/stream"),
    "with a user of its own": ("http://a:b@127.0.0.1:{port}/stream", "/stream"),
    "without a scheme": ("//127.0.0.1:{port}/stream", "/stream"),
}


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_when_on_the_same_host_then_followed(
    name: str, status: int
) -> None:
    location, target = MOVES[name]

    async def answer(request: Request, reply: Reply) -> None:
        if request.target == target:
            await reply.send(STREAM)
            await reply.silence()
        else:
            await reply.send(moved(location.format(port=camera.port), status))

    async with HttpCamera(answer) as camera, run(camera.url("/here/cam")):
        assert [request.target for request in camera.requests] == ["/here/cam", target]
        assert camera.connections == 1


async def test_redirect_when_to_another_port_of_the_host_then_followed() -> None:
    async with HttpCamera(Login(DIGEST)) as stream:
        there = giving(moved(stream.url("/stream")))
        async with HttpCamera(there) as camera, run(camera.url(user=QUOTED)):
            await camera.left()
            assert len(stream.requests) == 2
            assert "authorization" not in camera.requests[0].headers


async def test_redirect_when_the_camera_fails_then_its_new_place_is_named() -> None:
    port = closed_port()
    async with HttpCamera(giving(moved(f"http://127.0.0.1:{port}/"))) as camera:
        error = await refused(camera.url())
        assert f"nothing listens at 127.0.0.1:{port}" in str(error)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://other.example/stream?x=hunter2", "sends on to http://other.example,"),
        ("//other.example/", "sends on to http://other.example,"),
        ("https://localhost/", "sends on to https://localhost,"),
        ("ftp://127.0.0.1/", "sends on to ftp://127.0.0.1,"),
        ("javascript:alert(1)", "something that is no address"),
        ("http://[", "something that is no address"),
        ("http://127.0.0.1:99999/", "something that is no address"),
    ],
)
async def test_redirect_when_it_leads_astray_then_not_followed(
    location: str, words: str
) -> None:
    async with HttpCamera(giving(moved(location))) as camera:
        error = await refused(camera.url(user=QUOTED))
        assert isinstance(error, SourceUnfit)
        assert words in str(error)
        assert len(camera.requests) == 1


async def test_redirect_when_in_a_circle_then_given_up() -> None:
    for answer in (moved("/"), moved(""), head(302, Content_Length=0)):
        async with HttpCamera(giving(answer)) as camera:
            error = await refused(camera.url())
            assert isinstance(error, SourceUnfit)
            assert "sends on and on" in str(error)
            assert len(camera.requests) == 1 + http_client.MAX_REDIRECTS


# Names and addresses.


async def test_host_when_unknown_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = await refused("http://bedcam.local:8080/?action=stream")
    assert isinstance(error, SourceUnavailable)
    assert "no host of the name in bedcam.local:8080" in str(error)


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "ä..b", "xn--a.b", "1.2.3"])
async def test_host_when_it_is_no_name_then_told_as_unknown(host: str) -> None:
    error = await refused(f"http://{host}/")
    assert isinstance(error, SourceUnavailable)


async def test_connect_when_nobody_accepts_then_given_up_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_client, "CONNECT_TIMEOUT_S", SHORT_S)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        # The one place of the queue is taken, so the kernel ignores whoever comes next.
        with socket.create_connection(address):
            error = await refused(f"http://127.0.0.1:{address[1]}/")
    assert "does not answer" in str(error)


async def test_cookies_when_given_then_not_kept() -> None:
    answers = [
        head(302, Location="/b", Set_Cookie="session=1; Path=/", Content_Length=0),
        STREAM,
    ]
    async with HttpCamera(giving(*answers)) as camera, run(camera.url("/a")):
        assert "cookie" not in camera.requests[1].headers


# Certificates.


async def test_certificate_when_verified_then_the_stream_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificates.trust_ours(monkeypatch)
    context = certificates.server_context(certificates.GOOD)
    async with (
        HttpCamera(Login(DIGEST), context=context) as camera,
        run(camera.url(scheme="https", user=QUOTED)) as received,
    ):
        assert Stage.AUTHENTICATED in received.attempt.durations_s


@pytest.mark.parametrize(
    ("quality", "words"),
    [
        (certificates.EXPIRED, "has expired"),
        (certificates.WRONG_HOST, "is for another address"),
        (certificates.UNKNOWN_AUTHORITY, "whom this host does not trust"),
    ],
)
async def test_certificate_when_it_is_faulty_then_refused_with_the_reason(
    quality: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.trust_ours(monkeypatch)
    context = certificates.server_context(quality)
    async with HttpCamera(streaming(STREAM, start=b""), context=context) as camera:
        received = Received()
        url = camera.url("/?password=hunter2", scheme="https", user=QUOTED)
        with pytest.raises(SourceRefused) as caught:
            await source_of(url).run(received)
        assert f"the certificate of {camera.place} " in str(caught.value)
        assert words in str(caught.value)
        assert "certificate: pin" in caught.value.advice
        assert list(received.attempt.durations_s) == [Stage.REACHABLE]
        assert not camera.requests


async def test_tls_when_the_camera_speaks_none_then_told() -> None:
    async with answering(STREAM) as port:
        error = await refused(f"https://127.0.0.1:{port}/")
        assert "find no common TLS" in str(error)
        assert "http://" in error.advice


async def test_redirect_when_to_tls_then_followed_and_never_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificates.trust_ours(monkeypatch)
    context = certificates.server_context(certificates.GOOD)
    async with HttpCamera(streaming(STREAM, start=b""), context=context) as secure:
        there = giving(moved(secure.url(scheme="https")))
        async with HttpCamera(there) as camera, run(camera.url()):
            assert len(secure.requests) == 1
        secure.answer = giving(moved(camera.url()))
        async with HttpCamera(there) as camera:
            error = await refused(camera.url())
            assert isinstance(error, SourceUnfit)
            assert "sends on to http://127.0.0.1" in str(error)


class Pins:
    """Stands for the store of pins; it has met the camera that showed ``pin``."""

    def __init__(self, shown: bytes, pin: bytes | None = None) -> None:
        self.shown = shown
        self.pin = pin
        self.ports: list[int] = []

    async def known(self, port: int) -> bytes | None:
        self.ports.append(port)
        return self.pin

    async def meet(self, port: int) -> None:
        self.ports.append(port)
        if self.pin not in (None, self.shown):
            raise SourceRefused("is another one", advice="trust it")
        self.pin = self.shown


async def shown_by(camera: HttpCamera) -> bytes:
    """SHA-256 of the certificate that a camera shows."""
    address = ("127.0.0.1", camera.port)
    pem = await asyncio.to_thread(ssl.get_server_certificate, address)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()


@pytest.mark.parametrize(
    "quality", [certificates.GOOD, certificates.EXPIRED, certificates.WRONG_HOST]
)
@pytest.mark.parametrize("is_known", [True, False])
async def test_pin_when_it_fits_then_the_stream_comes(
    quality: str, is_known: bool
) -> None:
    context = certificates.server_context(quality)
    async with HttpCamera(streaming(STREAM, start=b""), context=context) as camera:
        shown = await shown_by(camera)
        pins = Pins(shown, shown if is_known else None)
        url = camera.url(scheme="https")
        received = Received()
        config = CameraConfig("bed", source=url, certificate="pin")
        task = asyncio.create_task(HttpSource(config, pins).run(received))
        await received.frames(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert set(pins.ports) == {camera.port}
        assert pins.pin == shown


async def test_pin_when_the_certificate_is_another_then_refused_and_nothing_sent() -> (
    None
):
    context = certificates.server_context(certificates.GOOD)
    async with HttpCamera(streaming(STREAM, start=b""), context=context) as camera:
        pins = Pins(await shown_by(camera), bytes(32))
        url = camera.url(scheme="https", user=QUOTED)
        config = CameraConfig("bed", source=url, certificate="pin")
        received = Received()
        with pytest.raises(SourceRefused, match="is another one"):
            await HttpSource(config, pins).run(received)
        assert not camera.requests
        assert list(received.attempt.durations_s) == [Stage.REACHABLE]


async def test_pin_when_the_camera_is_not_encrypted_then_not_asked_for() -> None:
    async with HttpCamera(streaming(STREAM, start=b"")) as camera:
        pins = Pins(b"")
        config = CameraConfig("bed", source=camera.url(), certificate="pin")
        received = Received()
        task = asyncio.create_task(HttpSource(config, pins).run(received))
        await received.frames(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not pins.ports
