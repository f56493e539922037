# Tests of the stand of a Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All of it at one address: started, steered and read over HTTP, judged by its log."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import aiohttp
import attrs
import pytest

from moonraker_prusacam.connect.signaling.messages import (
    Configuration,
    Features,
    Status,
    Switch,
    Trigger,
    VideoQuality,
)
from moonraker_prusacam.emulator.connect import LocalConnect
from moonraker_prusacam.emulator.signaling import (
    RULES,
    Behaviour,
    CameraFaultKind,
    Fault,
    FaultKind,
    LocalSignaling,
    Phase,
    PrusaCameraStand,
    Role,
)
from moonraker_prusacam.errors import EmulatorError
from tests.support.signaling import WAIT_S, SignalingViewer, connected, viewing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "emulator.md").read_text()
COMMAND = [sys.executable, "-m", "moonraker_prusacam", "emulator", "signaling"]
CAMERA = "/_ctl/signaling/cameras/1"
TIMEOUT_S = 20.0
SHOWN = 6


class Hand:
    """Steers a stand over HTTP."""

    def __init__(self, stand: PrusaCameraStand, http: aiohttp.ClientSession) -> None:
        self.stand = stand
        self._http = http

    async def ask(self, method: str, path: str, data: Any = None) -> tuple[int, Any]:
        """Status and body of an answer; what is no JSON, as text."""
        body = json.dumps(data) if isinstance(data, dict | list) else data
        url = self.stand.url + path
        async with self._http.request(method, url, data=body) as answer:
            text = await answer.text(errors="replace")
            is_json = answer.content_type == "application/json"
            return answer.status, json.loads(text) if is_json else text


@pytest.fixture
async def stand() -> AsyncIterator[PrusaCameraStand]:
    async with PrusaCameraStand(speed=200) as opened:
        yield opened


@pytest.fixture
async def hand(stand: PrusaCameraStand) -> AsyncIterator[Hand]:
    async with aiohttp.ClientSession() as http:
        yield Hand(stand, http)


@pytest.fixture
async def viewer(stand: PrusaCameraStand) -> AsyncIterator[SignalingViewer]:
    async with viewing(stand) as opened:
        yield opened


async def test_stand_when_prusa_connect_is_somebody_elses_then_both_are_served() -> (
    None
):
    connect = LocalConnect()
    token = connect.add_camera().token
    stand = PrusaCameraStand(connect=connect, speed=200)
    await connect.start()
    try:
        async with stand, viewing(stand) as viewer:
            await viewer.send(Trigger(get_features=Switch.ON))
            await viewer.receive(Features)
            assert stand.token != token
            assert stand.url == connect.url
        assert connect.is_listening
    finally:
        await connect.aclose()


async def test_stand_when_its_port_is_taken_then_an_error_and_nothing_left(
    stand: PrusaCameraStand,
) -> None:
    second = PrusaCameraStand(port=stand.connect.port)
    with pytest.raises(OSError, match="in use"):
        async with second:
            pass


async def test_environment_when_asked_then_the_signalling_server_is_named(
    hand: Hand,
) -> None:
    _, script = await hand.ask("GET", "/environment.js")
    assert f'window.CAMERA_SIGNALING_SERVER = "{hand.stand.url}";' in script


async def test_part_when_mounted_too_late_then_an_error(
    stand: PrusaCameraStand,
) -> None:
    with pytest.raises(EmulatorError):
        LocalSignaling(stand.connect)


async def test_camera_when_steered_by_request_then_it_obeys(hand: Hand) -> None:
    wanted = {"timelapse": "on", "rtsp_server": 1, "get_status": "ON"}
    assert await hand.ask("POST", f"{CAMERA}/trigger", wanted) == (204, "")
    configuration = {
        "job_name": "vase",
        "quality": "sd",
        "light": "on",
        "timelapse_interval_s": 20,
        "direction": "left",
        "angle": 30,
    }
    assert (await hand.ask("POST", f"{CAMERA}/configuration", configuration))[0] == 204
    camera = hand.stand.camera
    await camera.wait_for(lambda: len(camera.timelapse.frames) > 1, WAIT_S)
    _, shown = await hand.ask("GET", "/_ctl/prusa-camera")
    assert (shown["phase"], shown["job_name"]) == (Phase.RECORDING, "vase")
    assert shown["settings"]["pan_deg"] == -30
    assert shown["settings"]["rtsp_server"] is True
    assert camera.settings.quality is VideoQuality.SD
    _, picture = await hand.ask("GET", "/_ctl/prusa-camera/picture")
    assert "JFIF" in picture


@pytest.mark.parametrize(
    ("method", "path", "data", "status"),
    [
        ("POST", f"{CAMERA}/trigger", {"dance": "on"}, 400),
        ("POST", f"{CAMERA}/trigger", {"reboot": "maybe"}, 400),
        ("POST", f"{CAMERA}/trigger", {"reboot": 7}, 400),
        ("POST", f"{CAMERA}/trigger", {"reboot": None}, 400),
        ("POST", f"{CAMERA}/trigger", [], 400),
        ("POST", f"{CAMERA}/trigger", {"raw": "x"}, 400),
        ("POST", f"{CAMERA}/configuration", {"angle": "far"}, 400),
        ("POST", f"{CAMERA}/configuration", {"angle": -5}, 400),
        ("POST", f"{CAMERA}/configuration", {"exposure": 5}, 400),
        ("POST", "/_ctl/signaling/cameras/9/trigger", {}, 404),
        ("POST", "/_ctl/signaling/cameras/x/revoke", None, 404),
        ("POST", f"{CAMERA}/disconnect", {"role": "cat"}, 400),
        ("PATCH", "/_ctl/signaling/behaviour", {"profile": "morse"}, 400),
        ("PATCH", "/_ctl/signaling/behaviour", {"colour": "red"}, 400),
        ("POST", "/_ctl/signaling/faults", {"kind": "flood"}, 400),
        ("POST", "/_ctl/signaling/faults", b"{", 400),
        ("PATCH", "/_ctl/prusa-camera", {"storage": "no"}, 400),
        ("PATCH", "/_ctl/prusa-camera", {}, 400),
        ("POST", "/_ctl/prusa-camera/leave", {"seconds": 0}, 400),
        ("POST", "/_ctl/prusa-camera/leave", {"seconds": True}, 400),
        ("POST", "/_ctl/prusa-camera/faults", [{"kind": "late"}, 5], 400),
    ],
    ids=str,
)
async def test_control_when_it_makes_no_sense_then_the_reason_and_no_change(
    hand: Hand, method: str, path: str, data: Any, status: int
) -> None:
    before = (await hand.ask("GET", "/_ctl/prusa-camera"))[1]
    assert (await hand.ask(method, path, data))[0] == status
    assert (await hand.ask("GET", "/_ctl/prusa-camera"))[1] == before
    assert hand.stand.signaling.behaviour == Behaviour()
    assert hand.stand.signaling.faults.as_json() == []
    assert hand.stand.camera.faults.as_json() == []


async def test_camera_when_it_was_sent_away_by_request_then_nobody_to_steer(
    hand: Hand,
) -> None:
    assert (await hand.ask("POST", "/_ctl/prusa-camera/leave"))[0] == 204
    signaling, token = hand.stand.signaling, hand.stand.token
    await signaling.wait_for(
        lambda: not signaling.is_connected(token, Role.CAMERA), WAIT_S
    )
    assert (await hand.ask("POST", f"{CAMERA}/trigger", {}))[0] == 409
    assert (await hand.ask("POST", "/_ctl/prusa-camera/come-back"))[0] == 204
    await signaling.wait_for(lambda: signaling.is_connected(token, Role.CAMERA), WAIT_S)


async def test_card_when_taken_out_by_request_then_it_is_out(hand: Hand) -> None:
    status, shown = await hand.ask("PATCH", "/_ctl/prusa-camera", {"storage": False})
    assert (status, shown["storage"]) == (200, False)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/_ctl/signaling/faults", {"kind": "ack", "event": "trigger", "ack": "0"}),
        ("/_ctl/prusa-camera/faults", {"kind": "late", "event": "status"}),
    ],
)
async def test_faults_when_planned_by_request_then_shown_and_cleared(
    hand: Hand, path: str, fault: dict[str, Any]
) -> None:
    status, told = await hand.ask("POST", path, [{**fault, "count": 3}])
    assert status == 201
    assert told[0]["count"] == 3
    assert (await hand.ask("GET", path))[1] == [{**told[0], "met": 0, "left": 3}]
    assert (await hand.ask("DELETE", path))[0] == 204
    assert (await hand.ask("GET", path))[1] == []


async def test_revocation_when_by_request_then_the_viewer_is_sent_away(
    hand: Hand, viewer: SignalingViewer
) -> None:
    assert (await hand.ask("POST", f"{CAMERA}/revoke"))[0] == 204
    signaling = hand.stand.signaling
    await signaling.wait_for(
        lambda: signaling.sessions[hand.stand.token].members == [], WAIT_S
    )
    camera = hand.stand.camera
    await camera.wait_for(
        lambda: "CameraIsNotSessionMemberError" in camera.errors, WAIT_S
    )


async def test_disconnection_when_by_request_then_of_that_role(
    hand: Hand, viewer: SignalingViewer
) -> None:
    signaling, token = hand.stand.signaling, hand.stand.token
    assert (await hand.ask("POST", f"{CAMERA}/disconnect", {"role": "viewer"}))[
        0
    ] == 204
    await signaling.wait_for(
        lambda: not signaling.is_connected(token, Role.VIEWER), WAIT_S
    )
    assert signaling.is_connected(token, Role.CAMERA)


async def test_behaviour_when_switched_by_request_then_it_is(hand: Hand) -> None:
    change = {"require_origin": True, "acks": "all"}
    _, shown = await hand.ask("PATCH", "/_ctl/signaling/behaviour", change)
    assert shown == attrs.asdict(Behaviour(**change))  # type: ignore[arg-type]
    assert hand.stand.signaling.behaviour == Behaviour(**change)  # type: ignore[arg-type]


async def test_log_when_asked_then_events_audits_and_no_secrets(
    hand: Hand, viewer: SignalingViewer
) -> None:
    stand = hand.stand
    await viewer.send(Trigger(get_status=Switch.ON))
    await viewer.receive(Status)
    _, log = await hand.ask("GET", "/_ctl/signaling/log")
    assert log["viewer"]["connections"] == log["camera"]["connections"] == 1
    assert log["camera"]["verdicts"]["reply"] == 1
    status = log["events"][-2]
    assert (status["event"], status["ack"]) == ("status", 1001)
    assert (status["verdict"], status["evidence"]) == ("reply", "confirmed")
    assert status["message"]["name"] == "Virtual Prusa camera"
    _, transcript = await hand.ask("GET", "/_ctl/signaling/transcript")
    lines = transcript.splitlines()
    assert len(lines) == len(log["events"])
    assert " #2 viewer -> trigger 24 B {get_status=on, " in transcript
    assert lines[-2].endswith("ack 1001 [reply, confirmed]")
    for secret in (stand.token, stand.fingerprint, stand.jwt):
        assert secret not in transcript
        assert secret not in json.dumps(log)


async def test_audit_when_a_viewer_gives_its_secrets_away_then_it_says_where(
    stand: PrusaCameraStand, viewer: SignalingViewer
) -> None:
    await viewer.send(Configuration(job_name=f"of {stand.token}"))
    headers = {"X-Debug": stand.token}
    async with connected(stand.url, headers=headers):
        pass
    leaks = stand.signaling.audit(Role.VIEWER).leaks
    assert leaks == [("job_name",), ("header x-debug",)]
    assert stand.token not in stand.signaling.transcript()


async def test_audit_when_a_viewer_storms_then_its_gaps_show(
    stand: PrusaCameraStand,
) -> None:
    await stand.signaling.inject(Fault("refuse_upgrade", count=2))
    for _ in range(2):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with connected(stand.url):
                pass
    async with connected(stand.url) as peer:
        await peer.send("webrtc", b"")
        audit = stand.signaling.audit(Role.VIEWER)
    assert audit.connections == 1
    assert len(audit.attempt_gaps_s) == 2
    assert audit.unauthenticated == [4]
    assert audit.verdicts == {"connected": 1, "webrtc": 1}


def test_emulator_signaling_when_run_alone_then_it_can_be_used_as_it_says() -> None:
    with subprocess.Popen(
        [*COMMAND, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(SHOWN)]
            shown = dict(line.strip().split(maxsplit=1) for line in lines)
            request = Request(
                f"{shown['server:']}{CAMERA}/trigger", b'{"get_status": 1}'
            )
            with urlopen(request, timeout=TIMEOUT_S) as answer:
                assert answer.status == 204
            with urlopen(shown["camera:"], timeout=TIMEOUT_S) as answer:
                assert json.load(answer)["joined"]
            with urlopen(shown["log:"], timeout=TIMEOUT_S) as answer:
                assert b"camera joined" in answer.read()
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_S) == 0
        assert process.stdout.read() == ""


def cells(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading of docs/emulator.md."""
    table = PAGE.split(f"## {heading}\n", 1)[1].split("\n|", 1)[1]
    rows = ("|" + table).split("\n\n", 1)[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_rules_when_compared_with_the_page_then_the_same() -> None:
    assert cells("Rules of the signalling service") == [
        [rule.name, rule.request, rule.answer, rule.evidence, rule.source]
        for rule in RULES
    ]


def test_switches_when_compared_with_the_page_then_the_same() -> None:
    switches = [
        row[0].strip("`") for row in cells("Switches of the signalling service")
    ]
    assert switches == [field.name for field in attrs.fields(Behaviour)]


@pytest.mark.parametrize("kind", FaultKind)
def test_fault_when_looked_up_on_the_page_then_explained(kind: FaultKind) -> None:
    rows = {row[0]: row[1] for row in cells("Faults of the signalling service")}
    assert rows[f"`{kind}`"]


@pytest.mark.parametrize("kind", CameraFaultKind)
def test_camera_fault_when_looked_up_on_the_page_then_explained(
    kind: CameraFaultKind,
) -> None:
    rows = {row[0]: row[1] for row in cells("Faults of the camera")}
    assert rows[f"`{kind}`"]
