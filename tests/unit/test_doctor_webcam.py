# Tests of the doctor's look at webcams.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in for nginx answers as nginx does when something is wrong."""

from __future__ import annotations

import time
from typing import Any

import pytest

from moonraker_prusacam.doctor import State, webcam
from moonraker_prusacam.doctor.webcam import examine_webcam, own_address
from tests.support.web_server import answer, answering

PORT = 8081
JPEG = b"\xff\xd8\xff\xe0 picture \xff\xd9"
NGINX = {"Server": "nginx/1.22.1"}
SNAPSHOT = answer(200, "image/jpeg", JPEG, X_Frame_Seq="7", **NGINX)
PLACEHOLDER = answer(200, "image/jpeg", JPEG, X_Prusacam_Placeholder="failed")
STREAM = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n--b\r\n"
)
CAMERA = {
    "name": "front",
    "snapshot_url": "/webcam2/snapshot.jpg?placeholder=1",
    "stream_url": "/webcam2/stream.mjpg?placeholder=1",
}


async def examined(*answers: bytes, camera: dict[str, Any] | None = None) -> Any:
    async with answering(*answers) as port:
        (finding,) = await examine_webcam(
            camera or CAMERA, f"http://127.0.0.1:{port}/", PORT
        )
    assert (finding.name, finding.subject) == ("webcam", "front")
    assert (finding.remedy is None) == (finding.state is State.OK)
    assert "placeholder" not in finding.found
    return finding


@pytest.mark.parametrize("picture", [SNAPSHOT, PLACEHOLDER])
async def test_webcam_when_both_addresses_lead_to_the_engine_then_ok(
    picture: bytes,
) -> None:
    finding = await examined(picture, STREAM)
    assert finding.state is State.OK
    assert "/webcam2/snapshot.jpg" in finding.found


WRONG = [
    (
        answer(404, "text/html", b"<html>", **NGINX),
        "nginx answers 404",
        "let nginx forward /webcam2/ to http://127.0.0.1:8081/",
    ),
    (answer(404, "text/html", b"<html>"), "the web server answers 404", "forward"),
    (
        answer(200, "text/html; charset=utf-8", b"<!doctype html>", **NGINX),
        "nginx sends a page, no picture",
        "forward /webcam2/",
    ),
    (answer(502, "text/html", b"<html>", **NGINX), "HTTP 502", "proxy_pass"),
    (answer(504, "text/html", b"<html>", **NGINX), "HTTP 504", "[engine] port"),
    (answer(503, "application/json", b"{}"), "answers HTTP 503", "forward"),
    (answer(401, "text/html", b"", **NGINX), "asks for a login", "be read by all"),
    (answer(403, "text/html", b"", **NGINX), "asks for a login", "be read by all"),
    (answer(200, "image/png", b"\x89PNG"), "is image/png, no JPEG", "forward"),
    (answer(200, "image/jpeg", b"nonsense"), "no JPEG", "forward"),
    (answer(200, "image/jpeg", b""), "no JPEG", "forward"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "breaks off", "forward"),
    (b"nonsense\r\n\r\n", "breaks off", "forward"),
]


@pytest.mark.parametrize(("reply", "found", "remedy"), WRONG)
async def test_webcam_when_the_snapshot_is_wrong_then_failed_with_what_helps(
    reply: bytes, found: str, remedy: str
) -> None:
    finding = await examined(reply)
    assert finding.state is State.FAILED
    assert found in finding.found
    assert remedy in str(finding.remedy)


async def test_webcam_when_another_program_answers_then_warned() -> None:
    finding = await examined(answer(200, "image/jpeg", JPEG))
    assert finding.state is State.WARNING
    assert "another program" in finding.found
    assert "crowsnest" in str(finding.remedy)


STREAMS = [
    (answer(404, "text/html", b""), "is text/html (HTTP 404)"),
    (SNAPSHOT, "is image/jpeg (HTTP 200)"),
    (
        answer(200, "multipart/x-mixed-replace; boundary=b", b""),
        "ends at once",
    ),
    (b"", "brings nothing within 0.2 s"),
]


@pytest.mark.parametrize(("reply", "found"), STREAMS)
async def test_webcam_when_the_stream_is_wrong_then_failed(
    monkeypatch: pytest.MonkeyPatch, reply: bytes, found: str
) -> None:
    monkeypatch.setattr(webcam, "REQUEST_TIMEOUT_S", 0.2)
    finding = await examined(SNAPSHOT, reply)
    assert finding.state is State.FAILED
    assert found in finding.found
    assert "proxy_buffering off" in str(finding.remedy)


async def test_webcam_when_the_web_server_is_silent_then_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webcam, "REQUEST_TIMEOUT_S", 0.2)
    began = time.monotonic()
    finding = await examined(b"")
    assert time.monotonic() - began < 5
    assert finding.state is State.FAILED
    assert "does not answer within" in finding.found


async def test_webcam_when_no_web_server_answers_then_warned_how_to_name_another() -> (
    None
):
    (finding,) = await examine_webcam(CAMERA, "http://127.0.0.1:9/", PORT)
    assert finding.state is State.WARNING
    assert "no web server answers at 127.0.0.1:9" in finding.found
    assert "--ui http://HOST:PORT/" in str(finding.remedy)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_webcam_when_its_address_is_of_this_host_only_then_warned(
    host: str,
) -> None:
    base = f"http://{host}:9999/"
    camera = {
        "name": "front",
        "snapshot_url": f"{base}snapshot.jpg",
        "stream_url": f"{base}stream.mjpg",
    }
    finding = await examined(SNAPSHOT, camera=camera)
    assert finding.state is State.WARNING
    assert "only browsers on this host" in finding.found


def test_own_address_when_asked_then_a_number() -> None:
    assert own_address().count(".") == 3
