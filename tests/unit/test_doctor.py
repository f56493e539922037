# Tests of the doctor over a whole engine, and without one.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real engine, a local feed and a local Prusa Connect, in good and in bad health."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam import uploads
from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import PrusaCameraConfig, load, loads
from moonraker_prusacam.connect.identity import (
    fingerprint_path,
    load_or_create_fingerprint,
)
from moonraker_prusacam.connect.uploader import SnapshotUploader
from moonraker_prusacam.control import connect
from moonraker_prusacam.doctor import (
    Finding,
    State,
    camera,
    examine_without_engine,
    report,
    worst,
)
from moonraker_prusacam.doctor.engine import tell_absence
from moonraker_prusacam.doctor.examination import Options
from moonraker_prusacam.doctor.runner import Check, run_checks
from moonraker_prusacam.doctor.signaling import examine_prusa_camera, examine_role
from moonraker_prusacam.doctor.upload import explain
from moonraker_prusacam.emulator.connect import Fault, LocalConnect
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    PrusaConnectError,
    RpcError,
    SnapshotRejected,
    TokenRejected,
)
from tests.support.feeder import Feeder
from tests.support.jpeg import picture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.config import Config
    from moonraker_prusacam.control import Peer

WAIT_S = 10.0
TOKEN = "aZ09_-aZ09_-aZ09_-aZ"
JPEG = picture(64, 48)
CONFIG = """
[engine]
data_path: {folder}
port: 0
[camera front]
source: {url}
stale_after: 600
"""
CONNECT = "[connect front]\nserver: {server}\ntoken: {token}\ntrigger_scheme: MANUAL\n"


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        uploads, "SnapshotUploader", partial(SnapshotUploader, min_gap_s=0.05)
    )
    monkeypatch.setattr(camera, "FRAME_TIMEOUT_S", 1.0)


@pytest.fixture
async def feed() -> AsyncIterator[Feeder]:
    async with Feeder() as feeder:
        yield feeder


@pytest.fixture
async def server() -> AsyncIterator[LocalConnect]:
    local = LocalConnect()
    local.add_camera(TOKEN)
    await local.start()
    yield local
    await local.aclose()


def config(
    folder: Path, feed: Feeder, server: LocalConnect, token: str = TOKEN
) -> Config:
    text = CONFIG.format(folder=folder, url=feed.url)
    return loads(text + CONNECT.format(server=server.url, token=token))


@asynccontextmanager
async def running(made: Config, feed: Feeder) -> AsyncIterator[Peer]:
    """A control connection to an engine that has a frame."""
    async with Engine(made) as engine:
        await feed.arrived(1)
        await feed.send(JPEG)
        await engine.cameras["front"].wait_newer(0, WAIT_S)
        async with connect(made.engine.socket_path) as client:
            yield client


async def examined(client: Peer, **params: Any) -> dict[str, dict[str, Any]]:
    """Findings by name; the last one of each, which has one camera only."""
    params = {"ui_url": "http://127.0.0.1:9/", **params}
    answer = await client.call("engine.doctor", params, timeout_s=WAIT_S)
    return found_in(answer)


def found_in(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    text = json.dumps(answer)
    assert TOKEN not in text
    assert set(answer) == {"state", "findings"}
    for finding in answer["findings"]:
        assert set(finding) == {"name", "state", "found", "remedy", "subject"}
        assert finding["found"]
        if finding["state"] in ("failed", "warning"):
            assert finding["remedy"], finding
    return {finding["name"]: finding for finding in answer["findings"]}


async def test_engine_when_healthy_then_all_is_ok_and_one_picture_is_uploaded(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    made = config(tmp_path, feed, server)
    async with running(made, feed) as client:
        found = await examined(client)
    assert list(found) == [
        *("engine", "configuration", "disk", "ffmpeg", "camera", "dns", "tls", "clock"),
        *("token", "fingerprint", "upload", "moonraker", "webcam"),
    ]
    states = {name: finding["state"] for name, finding in found.items()}
    assert {name for name, state in states.items() if state == "skipped"} == {
        *("ffmpeg", "dns", "moonraker")
    }
    # No web server of a user interface is here.
    assert {name for name, state in states.items() if state == "warning"} <= {
        *("engine", "webcam")
    }
    assert "failed" not in states.values()
    assert "live, 64x48" in found["camera"]["found"]
    assert "shows no picture" in found["upload"]["found"]
    assert server.accepted(TOKEN) == 1
    assert server.last_image(TOKEN) == JPEG


async def test_engine_when_run_dry_then_nothing_is_uploaded(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    async with running(config(tmp_path, feed, server), feed) as client:
        found = await examined(client, dry_run=True)
        assert found["upload"]["state"] == "skipped"
        assert server.accepted(TOKEN) == 0
        await examined(client)
        told = (await examined(client, dry_run=True))["upload"]
        assert (told["state"], told["found"][:10]) == ("ok", "1 accepted")
        assert server.accepted(TOKEN) == 1
        frozen = (await examined(client))["upload"]
        assert frozen["state"] == "warning"
        assert "frozen since" in frozen["found"]
        await feed.send(picture(64, 48, seed=7))
        async with asyncio.timeout(WAIT_S):
            while True:
                if (await client.call("camera.snapshot"))["seq"] > 1:
                    break
                await asyncio.sleep(0.01)
        fault = Fault("answer", answer="503", endpoint="/c/snapshot")
        await server.inject(fault)
        assert (await examined(client))["upload"]["state"] == "failed"
        told = (await examined(client, dry_run=True))["upload"]
        assert told["state"] == "failed"
        assert "HTTP 503" in told["found"]


async def test_engine_when_the_token_is_wrong_then_the_remedy_is_for_that(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    made = config(tmp_path, feed, server, token="x" * 20)
    async with running(made, feed) as client:
        upload = (await examined(client))["upload"]
    assert upload["state"] == "failed"
    assert "does not know the token" in upload["found"]
    assert "HTTP 401" in upload["found"]
    assert upload["remedy"].startswith("compare it with the one in the web page")
    assert "HTTP" not in upload["remedy"]


async def test_engine_when_the_fingerprint_is_another_then_the_remedy_is_for_that(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    made = config(tmp_path, feed, server)
    server.add_camera(TOKEN).fingerprint = "another-fingerprint"
    async with running(made, feed) as client:
        upload = (await examined(client))["upload"]
    assert upload["state"] == "failed"
    assert upload["remedy"].startswith("restore the old fingerprint file")
    assert "another fingerprint" in upload["found"]


async def test_engine_when_its_camera_is_away_then_the_upload_is_skipped(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    made = config(tmp_path, feed, server)
    await feed.refuse()
    async with Engine(made), connect(made.engine.socket_path) as client:
        found = await examined(client)
    assert found["camera"]["state"] == "failed"
    assert "nothing listens at" in found["camera"]["found"]
    assert feed.url in found["camera"]["remedy"]
    assert found["upload"]["state"] == "skipped"


async def test_engine_when_the_feed_is_no_mjpeg_then_the_remedy_says_so(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    made = config(tmp_path, feed, server)
    async with Engine(made), connect(made.engine.socket_path) as client:
        await feed.arrived(1)
        await feed.send(b"\x00\x00\x00\x01\x67 H.264" * 1000)
        found = await examined(client, dry_run=True)
    assert found["camera"]["state"] == "failed"
    assert "not H.264" in found["camera"]["remedy"]


async def test_engine_when_many_frames_are_broken_then_warned(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    made = config(tmp_path, feed, server)
    async with running(made, feed) as client:
        for _ in range(5):
            await feed.send(JPEG[:-40] + JPEG)
        async with asyncio.timeout(WAIT_S):
            while True:
                status = (await client.call("camera.list"))["cameras"][0]
                if status["frames"] + status["truncated"] > 10:
                    break
        found = await examined(client, dry_run=True)
    assert found["camera"]["state"] == "warning"
    assert "of 11 are" in found["camera"]["found"]


async def test_engine_when_its_file_was_changed_then_warned(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    file = tmp_path / "prusacam.conf"
    text = CONFIG.format(folder=tmp_path, url=feed.url)
    await asyncio.to_thread(file.write_text, text)
    made = await asyncio.to_thread(load, file)
    async with running(made, feed) as client:
        found = await examined(client)
        assert found["configuration"]["state"] == "ok"
        assert str(file) in found["configuration"]["found"]
        assert found["upload"]["found"] == "Prusa Connect is not configured"
        await asyncio.to_thread(file.write_text, text + "rotation: 90\n")
        found = await examined(client)
        assert found["configuration"]["state"] == "warning"
        assert "restart" in found["configuration"]["remedy"]
        await asyncio.to_thread(file.write_text, text + "rotatoin: 90\n")
        found = await examined(client)
        assert found["configuration"]["state"] == "failed"
        assert "rotatoin" in found["configuration"]["found"]


async def test_engine_when_moonraker_is_connected_then_told(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    made = config(tmp_path, feed, server)
    async with running(made, feed) as client:
        async with connect(made.engine.socket_path) as moonraker:
            said = {"client": "moonraker", "version": "v0.11.0"}
            await moonraker.call("engine.identify", said)
            found = await examined(client, dry_run=True)
        assert found["moonraker"]["found"] == "connected, version v0.11.0"


async def test_doctor_when_called_twice_then_one_at_a_time(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    async with running(config(tmp_path, feed, server), feed) as client:
        answers = await asyncio.gather(
            *(client.call("engine.doctor", {"dry_run": True}) for _ in range(3)),
            return_exceptions=True,
        )
        refused = [answer for answer in answers if isinstance(answer, RpcError)]
        assert [error.http_status for error in refused] == [409, 409]
        await examined(client, dry_run=True)


BAD_PARAMS: list[dict[str, Any]] = [
    {"dry_run": 1},
    {"dry_run": "yes"},
    {"ui_url": 7},
    {"ui_url": "ftp://host/"},
    {"ui_url": "http://user:secret@host/"},
    {"ui_url": "http://"},
    {"dryrun": True},
    {"x" * 5000: True},
]


async def test_doctor_when_parameters_are_wrong_then_400(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    async with running(config(tmp_path, feed, server), feed) as client:
        for params in BAD_PARAMS:
            with pytest.raises(RpcError) as caught:
                await client.call("engine.doctor", params)
            assert caught.value.http_status == 400
            assert len(str(caught.value)) < 200
            assert "secret" not in str(caught.value)


async def alone(made: Config, *, dry_run: bool = False) -> dict[str, dict[str, Any]]:
    absence = tell_absence(made)
    options = Options(dry_run)
    return found_in(
        report(await examine_without_engine(made, options, absence, is_held=False))
    )


async def test_configuration_when_no_engine_runs_then_its_camera_is_looked_at(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    made = config(tmp_path, feed, server)
    path = fingerprint_path(made.engine.state_path, "front")
    fingerprint = await asyncio.to_thread(load_or_create_fingerprint, path)

    async def show() -> None:
        await feed.arrived(1)
        await feed.send(JPEG)

    found, _ = await asyncio.gather(alone(made), show())
    assert found["engine"]["state"] == "failed"
    assert "prusacam run" in found["engine"]["remedy"]
    assert found["camera"]["state"] == "ok"
    assert found["upload"]["state"] == "ok"
    assert found["fingerprint"]["state"] == "ok"
    assert found["webcam"]["state"] == "skipped"
    assert server.last_image(TOKEN) == JPEG
    assert fingerprint not in json.dumps(found)
    await feed.left()


async def test_configuration_when_there_is_no_fingerprint_then_none_is_made(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    made = config(tmp_path, feed, server)
    found = await alone(made)
    assert found["fingerprint"]["state"] == "skipped"
    assert "connect import" in found["fingerprint"]["remedy"]
    assert found["upload"]["state"] == "skipped"
    assert not await asyncio.to_thread(made.engine.state_path.exists)
    assert {request.method for request in server.requests} <= {"HEAD"}


async def test_configuration_when_the_socket_is_held_then_cameras_are_left_alone(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    made = config(tmp_path, feed, server)
    silence = Finding("engine", State.FAILED, "does not answer", "restart")
    found = await examine_without_engine(made, Options(), silence, is_held=True)
    names = [finding.name for finding in found]
    assert "camera" not in names
    assert "upload" not in names
    assert feed.arrivals == []


FINGERPRINTS = [
    (b"0123456789abcdef\n", 0o600, "ok", "kept in"),
    (b"f" * 64, 0o400, "ok", "kept in"),
    (b"0123456789abcdef\n", 0o644, "warning", "others on this host"),
    (b"0123456789abcdef\n", 0o660, "warning", "mode 0660"),
    (b"short", 0o600, "failed", "is damaged"),
    (b"", 0o600, "failed", "is damaged"),
    (b"f" * 65, 0o600, "failed", "16 to 64"),
]


@pytest.mark.parametrize(("content", "mode", "state", "found"), FINGERPRINTS)
async def test_fingerprint_when_looked_at_then_judged_and_left_alone(
    tmp_path: Path,
    feed: Feeder,
    server: LocalConnect,
    content: bytes,
    mode: int,
    state: str,
    found: str,
) -> None:
    made = config(tmp_path, feed, server)
    path = fingerprint_path(made.engine.state_path, "front")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    path.chmod(mode)
    finding = (await alone(made, dry_run=True))["fingerprint"]
    assert finding["state"] == state
    assert found in finding["found"]
    assert "0123456789" not in str(finding)
    assert path.read_bytes() == content


async def test_token_when_its_file_is_open_to_others_then_warned(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    file = tmp_path / "front.token"
    file.write_text(TOKEN)
    file.chmod(0o644)
    text = CONFIG.format(folder=tmp_path, url=feed.url)
    text += f"[connect front]\nserver: {server.url}\ntoken_file: {file}\n"
    made = await asyncio.to_thread(loads, text)
    finding = (await alone(made, dry_run=True))["token"]
    assert finding["state"] == "warning"
    assert finding["remedy"] == f"chmod 600 {file}"
    file.chmod(0o600)
    assert (await alone(made, dry_run=True))["token"]["state"] == "ok"
    file.unlink()
    assert (await alone(made, dry_run=True))["token"]["state"] == "failed"


async def test_token_when_two_cameras_have_the_same_then_failed(
    tmp_path: Path, feed: Feeder, server: LocalConnect
) -> None:
    text = CONFIG.format(folder=tmp_path, url=feed.url)
    text += f"[camera side]\nsource: {feed.url}\n"
    for name in ("front", "side"):
        text += f"[connect {name}]\nserver: {server.url}\ntoken: {TOKEN}\n"
    finding = (await alone(loads(text), dry_run=True))["token"]
    assert finding["state"] == "failed"
    assert "camera 'front' has the same token" in finding["found"]


ERRORS: list[tuple[PrusaConnectError, str, str]] = [
    (
        TokenRejected("No: do that (HTTP 401, X)", status=401),
        "(HTTP 401, X)",
        "do that",
    ),
    (TokenRejected("odd", status=403), "odd", "look at 'server'"),
    (TokenRejected("Gone: add it (HTTP 404)", status=404), "404", "add it"),
    (SnapshotRejected("the limit of an hour"), "the limit", "nothing was sent"),
    (SnapshotRejected("no (HTTP 413)", status=413), "413", "smaller"),
    (ConnectUnavailable("no (HTTP 429)", status=429), "429", "old uploader"),
    (ConnectUnavailable("no (HTTP 503)", status=503), "503", "wait"),
    (ConnectUnavailable("h: the name cannot"), "the name cannot", "see dns"),
    (SnapshotRejected("no (HTTP 400)", status=400), "400", "newer prusacam"),
    (PrusaConnectError("internal"), "internal", "newer prusacam"),
]


@pytest.mark.parametrize(("error", "found", "remedy"), ERRORS)
def test_upload_when_refused_then_the_remedy_is_for_that_answer(
    error: PrusaConnectError, found: str, remedy: str
) -> None:
    told, helps = explain(error)
    assert found in told
    assert remedy in helps


async def test_checks_when_one_fails_or_hangs_then_the_others_are_told_in_order() -> (
    None
):
    async def fine() -> list[Finding]:
        return [Finding("fine", State.OK, "all is well")]

    async def hang() -> list[Finding]:
        await asyncio.Event().wait()
        return []

    async def fail() -> list[Finding]:
        raise ZeroDivisionError

    async with asyncio.timeout(WAIT_S):
        found = await run_checks(
            [
                Check("hangs", 0.05, hang, "front"),
                Check("fine", 1.0, fine),
                Check("fails", 1.0, fail),
                Check("nothing", 1.0, lambda: _none()),
            ]
        )
    assert [(f.name, str(f.state), f.subject) for f in found] == [
        ("hangs", "failed", "front"),
        ("fine", "ok", None),
        ("fails", "failed", None),
    ]
    assert "within 0.05 s" in found[0].found
    assert "ZeroDivisionError" in found[2].found
    assert worst(found) is State.FAILED
    assert worst([]) is State.OK


async def _none() -> list[Finding]:
    return []


SESSIONS = [
    ({"state": "ready", "reason": "", "advice": ""}, "ok", None),
    ({"state": "refused", "reason": "no", "advice": "do that"}, "failed", "do that"),
    ({"state": "connecting", "reason": "no way", "advice": ""}, "warning", "wait"),
]


@pytest.mark.parametrize(("told", "state", "remedy"), SESSIONS)
async def test_session_then_the_finding_tells_how_it_is(
    told: dict[str, Any], state: str, remedy: str | None
) -> None:
    camera = PrusaCameraConfig(name="buddy")
    for (finding,) in (
        await examine_role("front", told),
        await examine_prusa_camera(camera, {**told, "last": None}),
    ):
        assert str(finding.state) == state
        assert told["reason"] in finding.found
        assert (finding.remedy is None) == (remedy is None)
        assert (remedy or "") in (finding.remedy or "")


async def test_prusa_camera_when_the_last_print_has_no_video_then_warned() -> None:
    told = {"state": "ready", "reason": "", "advice": ""}
    last = {"state": "failed", "reason": "no card", "advice": "put one in"}
    (finding,) = await examine_prusa_camera(
        PrusaCameraConfig(name="buddy"), {**told, "last": last}
    )
    assert (str(finding.state), finding.remedy) == ("warning", "put one in")
    assert "no card" in finding.found


@pytest.mark.parametrize(
    ("content", "mode", "state", "found"),
    [
        (None, 0o600, "failed", "No such file"),
        ("two words", 0o600, "failed", "does not hold one bearer token"),
        ("eyJhbGciOi.abc.def", 0o644, "warning", "others on this host"),
        ("eyJhbGciOi.abc.def", 0o600, "skipped", "only a running engine"),
    ],
)
async def test_prusa_camera_when_its_token_file_is_odd_then_the_finding_says_so(
    content: str | None, mode: int, state: str, found: str, tmp_path: Path
) -> None:
    path = tmp_path / "account.jwt"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    camera = PrusaCameraConfig(name="buddy", jwt_file=path)
    (finding,) = await examine_prusa_camera(camera, None)
    assert str(finding.state) == state
    assert found in finding.found
    assert "eyJ" not in finding.found
