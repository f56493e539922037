# Tests of the RTSP source.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real ffmpegs on both sides, a strict camera between them, and what can go wrong."""

from __future__ import annotations

import asyncio
import gc
import random
import re
import signal
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from moonraker_prusacam.camera.rtsp import client as client_module
from moonraker_prusacam.camera.rtsp.decoder import Profile
from moonraker_prusacam.camera.sources import Host, rtsp
from moonraker_prusacam.camera.sources.rtsp import Endpoint, RtspSource
from moonraker_prusacam.camera_options import Credentials
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.errors import (
    SourceError,
    SourceRefused,
    SourceStalled,
    SourceUnavailable,
    SourceUnfit,
)
from moonraker_prusacam.secret import Secret
from tests.support import certificates
from tests.support.processes import (
    all_gone,
    command_lines,
    descriptors,
    descriptors_fall_to,
    members,
    program,
)
from tests.support.rtsp_camera import RtspCamera
from tests.support.rtsp_playing import FFMPEG, HOST, camera_of, reading, recording
from tests.support.sources import Received, closed_port, source_of

WAIT_S = 20.0
SHORT_S = 0.3


async def failure(camera: RtspCamera, **options: Any) -> SourceError:
    """The error that a run ends with."""
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(SourceError) as caught:
            await source_of(camera.url, HOST, **options).run(Received())
    await camera.left()
    return caught.value


@pytest.mark.parametrize(
    ("scheme", "algorithm", "qop"),
    [
        ("basic", None, None),
        ("digest", None, None),
        ("digest", "MD5", "auth"),
        ("digest", "MD5-sess", "auth"),
        ("digest", "SHA-256", "auth,auth-int"),
    ],
)
async def test_run_when_the_camera_wants_a_login_then_it_is_given_and_shown_nowhere(
    scheme: str, algorithm: str | None, qop: str | None
) -> None:
    async with camera_of() as camera:
        behaviour = camera.behaviour
        behaviour.user, behaviour.password = "bed", 'h:u@n"ter2'
        behaviour.scheme, behaviour.algorithm, behaviour.qop = scheme, algorithm, qop
        behaviour.requests_a_nonce = 3
        password = Secret('h:u@n"ter2')
        async with reading(camera, username="bed", password=password) as received:
            await received.frames(2)
            lines = await asyncio.to_thread(command_lines)
        ours = [line for line in lines if "rtsp://127.0.0.1" in line]
        assert ours
        assert not [line for line in lines if 'h:u@n"ter2' in line]
        assert not [line for line in ours if f":{camera.port}" in line]
    logins = [r.headers.get("Authorization").split(" ")[0] for r in camera.requests]
    assert set(logins) == {"", scheme.capitalize()}


@pytest.mark.parametrize("scheme", ["basic", "digest"])
async def test_run_when_the_password_is_wrong_then_it_is_refused_after_one_try(
    scheme: str,
) -> None:
    async with camera_of() as camera:
        camera.behaviour.user, camera.behaviour.password = "bed", "hunter2"
        camera.behaviour.scheme = scheme
        error = await failure(camera, username="bed", password=Secret("guess"))
        assert isinstance(error, SourceRefused)
        assert "does not accept user and password" in str(error)
        assert "guess" not in str(error) + error.advice
        tries = [r for r in camera.requests if r.headers.get("Authorization")]
        assert len(tries) == 1


async def test_run_when_a_login_is_wanted_and_none_is_known_then_it_says_so() -> None:
    async with camera_of() as camera:
        camera.behaviour.user = "bed"
        error = await failure(camera)
        assert isinstance(error, SourceRefused)
        assert "wants a user and a password" in str(error)


def answer(status: int, *headers: str, body: str = "") -> bytes:
    lines = [f"RTSP/1.0 {status} x", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body]).encode()


NO_VIDEO = "v=0\r\nm=audio 0 RTP/AVP 8\r\n"
REFUSALS = [
    ("DESCRIBE", answer(404), SourceUnavailable, "no stream at that path", "/stream1"),
    ("DESCRIBE", answer(403), SourceRefused, "forbids this stream", "settings"),
    ("DESCRIBE", answer(453), SourceUnavailable, "serves nobody else", "viewers"),
    ("DESCRIBE", answer(503), SourceUnavailable, "serves nobody else", "viewers"),
    (
        "DESCRIBE",
        answer(500),
        SourceUnavailable,
        "failed at DESCRIBE",
        "restart",
    ),
    ("DESCRIBE", answer(418), SourceUnavailable, "with status 418", "path"),
    ("DESCRIBE", answer(200), SourceUnfit, "makes no sense", "path"),
    ("DESCRIBE", answer(200, body="<html>"), SourceUnfit, "makes no sense", "path"),
    (
        "DESCRIBE",
        answer(200, body=NO_VIDEO),
        SourceUnfit,
        "no video, but audio",
        "path",
    ),
    (
        "DESCRIBE",
        answer(401, "WWW-Authenticate: Negotiate"),
        SourceRefused,
        "not known: negotiate",
        "Digest",
    ),
    (
        "DESCRIBE",
        answer(302, "Location: rtsp://u:hunter2@10.9.9.9:8554/x?token=hunter2"),
        SourceUnavailable,
        "redirects to 10.9.9.9, port 8554",
        "source",
    ),
    ("DESCRIBE", answer(302), SourceUnavailable, "redirects to", "source"),
    (
        "DESCRIBE",
        answer(301, "Location: rtsp://["),
        SourceUnavailable,
        "redirects to what is no URL",
        "path",
    ),
    ("SETUP", answer(461), SourceUnfit, "does not send over TCP", "settings"),
    ("PLAY", answer(500), SourceUnavailable, "failed at PLAY", "restart"),
    ("OPTIONS", b"HTTP/1.1 400 Bad\r\n\r\n", SourceUnfit, "a web server", "port"),
    ("OPTIONS", b"<html><h1>hunter2", SourceUnfit, "is no RTSP", "port"),
    ("OPTIONS", b"RTSP/1.0 200 OK\r\nX: " + b"x" * 99_999, SourceUnfit, "KiB", "port"),
    (
        "DESCRIBE",
        b"RTSP/1.0 200 OK\r\nContent-Length: 10000000000\r\n\r\n",
        SourceUnfit,
        "an answer of more than 256 KiB",
        "port",
    ),
]


@pytest.mark.parametrize(("method", "raw", "kind", "told", "helps"), REFUSALS)
async def test_run_when_the_camera_refuses_then_it_is_told_in_words(
    method: str, raw: bytes, kind: type[SourceError], told: str, helps: str
) -> None:
    async with camera_of() as camera:
        camera.behaviour.instead[method] = raw
        options = {"username": "bed", "password": Secret("hunter2")}
        error = await failure(camera, **options)
        assert type(error) is kind
        assert re.search(told, str(error))
        assert f"127.0.0.1:{camera.port}" in str(error)
        assert helps in error.advice
        assert "hunter2" not in str(error) + error.advice


async def test_run_when_it_is_redirected_on_the_same_host_then_it_follows() -> None:
    async with camera_of() as camera:
        there = camera.url
        camera.behaviour.instead["DESCRIBE"] = answer(302, f"Location: {there}&b=1")

        async def mend() -> None:
            await camera.until_asked("DESCRIBE")
            camera.behaviour.path += "&b=1"
            del camera.behaviour.instead["DESCRIBE"]

        mending = asyncio.create_task(mend())
        received = Received()
        task = asyncio.create_task(source_of(there, HOST).run(received))
        await received.frames(1)
        await mending
        task.cancel()
        await asyncio.wait([task])
        assert [request.url for request in camera.asked("DESCRIBE")] == [
            there,
            f"{there}&b=1",
        ]


async def test_run_when_it_redirects_for_ever_then_it_gives_up() -> None:
    async with camera_of() as camera:
        raw = answer(302, f"Location: {camera.url}")
        camera.behaviour.instead["DESCRIBE"] = raw
        assert "redirects in a circle" in str(await failure(camera))


async def test_run_when_nothing_listens_then_the_place_is_named() -> None:
    port = closed_port()
    url = f"rtsp://bed:hunter2@127.0.0.1:{port}/live"
    with pytest.raises(SourceUnavailable, match=f"listens at 127.0.0.1:{port}$"):
        await source_of(url, HOST).run(Received())


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
async def test_run_when_the_camera_does_not_answer_then_it_is_stalled(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT_S", SHORT_S)
    async with camera_of() as camera:
        camera.behaviour.instead[method] = b""
        error = await failure(camera)
        assert isinstance(error, SourceStalled)
        assert f"does not answer {method}" in str(error)


async def test_run_when_the_answer_trickles_then_it_is_stalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT_S", SHORT_S)
    async with camera_of() as camera:
        camera.behaviour.trickles = True
        assert isinstance(await failure(camera), SourceStalled)


async def test_run_when_the_camera_falls_silent_then_it_is_stalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT_S", SHORT_S)
    async with camera_of() as camera:
        camera.behaviour.frames = 3
        error = await failure(camera)
        assert isinstance(error, SourceStalled)
        assert "has sent nothing for 0.3 s" in str(error)


async def test_run_when_pictures_never_become_whole_then_it_is_stalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rtsp, "PICTURE_TIMEOUT_S", SHORT_S)
    recorded = await recording()
    # Without the packets that begin a keyframe, and what describes it.
    packets = tuple(p for p in recorded.packets if p[1][16] & 31 == 1)
    middle = attrs.evolve(recorded, packets=packets)
    async with RtspCamera(middle) as camera:
        error = await failure(camera)
        assert isinstance(error, SourceStalled)
        assert "sends H264, of which ffmpeg makes no picture" in str(error)


async def test_run_when_it_is_reset_at_any_byte_then_it_is_unavailable() -> None:
    chance = random.Random(11)
    early = chance.sample(range(1, 1500), 14)
    late = chance.sample(range(1500, 60_000), 6)
    async with camera_of() as camera:
        before = 0
        for position in (9, *early, *late):
            camera.behaviour.reset_after = position
            camera.behaviour.speed = 20
            error = await failure(camera)
            assert isinstance(error, SourceUnavailable), (position, error)
            assert "dropped the connection" in str(error)
            # Some descriptors are made once; receivers of ours have some, too.
            gc.collect()
            before = before or descriptors()
        await descriptors_fall_to(before)


async def test_run_when_the_camera_closes_amid_a_picture_then_the_rest_is_kept() -> (
    None
):
    received = Received()
    async with camera_of() as camera:
        camera.behaviour.close_after = 60_000
        with pytest.raises(SourceUnavailable, match="closed the connection"):
            await source_of(camera.url, HOST).run(received)
    assert received.stats.frames > 1


async def test_run_when_there_is_no_ffmpeg_then_that_is_told(tmp_path: Path) -> None:
    host = Host(tmp_path, tmp_path / "ffmpeg")
    with pytest.raises(SourceUnavailable, match=r"ffmpeg: .* cannot be run") as caught:
        await source_of("rtsp://127.0.0.1/live", host).run(Received())
    assert "apt install ffmpeg" in caught.value.advice


async def test_run_when_ffmpeg_fails_then_its_complaint_is_told(
    tmp_path: Path,
) -> None:
    broken = program(tmp_path / "ffmpeg", "echo 'Unknown decoder h264' >&2; exit 8")
    async with camera_of() as camera:
        with pytest.raises(
            SourceUnavailable, match=r"^ffmpeg ended with status 8: Unknown decoder"
        ):
            await source_of(camera.url, Host(tmp_path, Path(broken))).run(Received())
        await camera.left()


async def test_run_when_ffmpeg_ignores_signals_and_floods_then_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonraker_prusacam.camera.child.TERMINATE_TIMEOUT_S", 0.1)
    monkeypatch.setattr(rtsp, "DRAIN_TIMEOUT_S", 0.1)
    monkeypatch.setattr(client_module, "READ_TIMEOUT_S", SHORT_S)
    body = f'trap "" TERM; yes >&2 & echo $$ >$0.pid; {FFMPEG} "$@"; sleep 100'
    stubborn = program(tmp_path / "ffmpeg", body)
    async with camera_of() as camera:
        camera.behaviour.frames = 20
        with pytest.raises(SourceStalled, match="has sent nothing"):
            await source_of(camera.url, Host(tmp_path, Path(stubborn))).run(Received())
    assert not members(int((tmp_path / "ffmpeg.pid").read_text()))


async def test_run_when_cancelled_at_any_moment_then_nothing_is_left(
    tmp_path: Path,
) -> None:
    chance = random.Random(12)
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.symlink_to(FFMPEG)
    host = Host(tmp_path, ffmpeg)

    async def cancel_one(camera: RtspCamera) -> None:
        task = asyncio.create_task(source_of(camera.url, host).run(Received()))
        await asyncio.wait([task], timeout=chance.uniform(0, 0.15))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await camera.left()

    async with camera_of() as camera:
        await cancel_one(camera)
        gc.collect()
        before, tasks = descriptors(), len(asyncio.all_tasks())
        for _ in range(50):
            await cancel_one(camera)
        assert camera.connections > 10  # the others were cancelled before
        gc.collect()
        await descriptors_fall_to(before)
        assert len(asyncio.all_tasks()) == tasks
    lines = await asyncio.to_thread(command_lines)
    assert not [line for line in lines if str(ffmpeg) in line]


ENGINE = """
import asyncio, sys
from pathlib import Path
from moonraker_prusacam.camera.sources import Host
from tests.support.sources import Received, source_of
host = Host(Path("/nowhere"), Path(sys.argv[2]))
async def main():
    received = Received()
    task = asyncio.create_task(source_of(sys.argv[1], host).run(received))
    await received.frames(2)
    print("plays", flush=True)
    await task
asyncio.run(main())
"""


async def test_engine_when_it_is_killed_then_no_ffmpeg_is_left(tmp_path: Path) -> None:
    body = f'echo $$ >$0.pid; exec {FFMPEG} "$@"'
    traced = program(tmp_path / "ffmpeg", body)
    async with camera_of() as camera:
        engine = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ENGINE, camera.url, traced),
            stdout=asyncio.subprocess.PIPE,
        )
        assert engine.stdout is not None
        line = await asyncio.wait_for(engine.stdout.readline(), WAIT_S)
        assert line == b"plays\n"
        group = int((tmp_path / "ffmpeg.pid").read_text())
        assert members(group)
        engine.send_signal(signal.SIGKILL)
        await engine.wait()
        await all_gone(group)
        await camera.left()


async def test_run_when_it_is_encrypted_then_the_certificate_is_pinned(
    tmp_path: Path,
) -> None:
    host = Host(tmp_path, Path(FFMPEG))
    context = certificates.server_context(certificates.UNKNOWN_AUTHORITY)
    async with RtspCamera(await recording(), context) as camera:
        camera.behaviour.user, camera.behaviour.password = "bed", "hunter2"
        options = {"username": "bed", "password": Secret("hunter2")}
        async with reading(camera, host, **options) as received:
            await received.frames(3)
        await camera.left()
        assert camera.connections == 1


async def test_endpoint_when_another_source_brings_its_own_then_that_is_used() -> None:
    async with camera_of() as camera:
        camera.behaviour.user, camera.behaviour.password = "bblp", "12345678"
        camera.behaviour.path = "/streaming/live/1"
        opened = []

        async def connect() -> rtsp.Connection:
            opened.append(1)
            return await asyncio.open_connection("127.0.0.1", camera.port)

        endpoint = Endpoint(
            camera.url,
            "the printer",
            Credentials("bblp", Secret("12345678")),
            connect,
            Profile(probe_bytes=1_000_000, analyze_us=500_000),
        )
        config = CameraConfig("bed", source="bambu://127.0.0.1?model=X1C")
        received = Received()
        task = asyncio.create_task(RtspSource(config, HOST, endpoint).run(received))
        await received.frames(1)
        task.cancel()
        await asyncio.wait([task])
        assert opened == [1]


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("rtsp://cam/live", "cam:554"),
        ("rtsps://u:p@cam/live", "cam:322"),
        ("rtsp://[fe80::1]:8554/live?a=b", "[fe80::1]:8554"),
    ],
)
def test_endpoint_when_a_port_is_left_out_then_it_is_the_usual_one(
    url: str, where: str
) -> None:
    made = rtsp.endpoint(CameraConfig("bed", source=url), HOST)
    assert made.where == where
    assert "@" not in made.url
