# Viewer and camera role at the local signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both clients and a virtual Prusa camera at a strict service, with its faults."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.connect.signaling import connection as connection_module
from moonraker_prusacam.connect.signaling import viewer as viewer_module
from moonraker_prusacam.connect.signaling.messages import (
    CameraMode,
    ClientTrigger,
    FileState,
    VideoQuality,
    VideoState,
)
from moonraker_prusacam.connect.signaling.session import SessionState
from moonraker_prusacam.connect.signaling.viewer import Viewer, ViewerOptions
from moonraker_prusacam.emulator.signaling import Fault, FaultKind, Role
from moonraker_prusacam.emulator.signaling.stand import PrusaCameraStand
from moonraker_prusacam.errors import (
    MessageMalformed,
    SignalingRefused,
    SignalingUnavailable,
)
from moonraker_prusacam.secret import Secret
from tests.support import prusa_stand, watched_viewer
from tests.support.prusa_stand import viewer_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_S = 15.0
FINGERPRINT = "0123456789abcdef0123456789abcdef"


begin_again_soon = pytest.fixture(autouse=True)(prusa_stand.begin_again_soon)
profile = pytest.fixture(params=watched_viewer.PROFILES)(watched_viewer.profile)
stand = pytest.fixture(prusa_stand.stand)


@pytest.fixture
async def viewer(stand: PrusaCameraStand, profile: str) -> AsyncIterator[Viewer]:
    made = viewer_at(stand, profile)
    await made.start()
    try:
        await made.wait_ready(WAIT_S)
        yield made
    finally:
        await made.aclose()
        audit = stand.signaling.audit(Role.VIEWER)
        assert not audit.too_early
        assert not audit.unauthenticated
        assert not audit.leaks


wire_only = pytest.mark.parametrize("profile", ["wire"], indirect=True)


async def sessions(viewer: Viewer, count: int) -> None:
    """Wait until the viewer has been let in so many times."""
    async with asyncio.timeout(WAIT_S):
        while viewer.report()["sessions"] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    await viewer.wait_ready(WAIT_S)


async def state(viewer: Viewer, wanted: SessionState) -> None:
    """Wait for a state of which nobody tells a test."""
    async with asyncio.timeout(WAIT_S):
        while viewer.state is not wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_viewer_when_it_asks_a_camera_then_it_is_answered(
    stand: PrusaCameraStand, viewer: Viewer, profile: str
) -> None:
    status = await viewer.status()
    features = await viewer.features()
    assert status.temperature_c == 41.5
    if profile == "wire":
        assert status.name == "Virtual Prusa camera"
        assert (await viewer.protocol()).version == "4.4"
        assert "TimelapseVideoMake" in features.names_json
    else:
        assert features.ptz


async def test_viewer_when_it_reads_environment_js_then_it_finds_the_service(
    stand: PrusaCameraStand,
) -> None:
    made = Viewer(
        ViewerOptions(
            name="x",
            camera_token=Secret(stand.token),
            jwt=Secret(stand.jwt),
            server=stand.url,
            profile=stand.signaling.behaviour.profile,
        )
    )
    await made.start()
    try:
        await made.wait_ready(WAIT_S)
        await made.status()
    finally:
        await made.aclose()


async def test_viewer_when_it_sets_things_then_the_camera_has_them(
    stand: PrusaCameraStand, viewer: Viewer, profile: str
) -> None:
    await viewer.enable_snapshots(False)
    await viewer.set_snapshot_interval(600)
    await viewer.set_mode(CameraMode.NIGHT)
    if profile == "wire":
        await viewer.set_quality(VideoQuality.FHD)
        await viewer.set_timelapse_interval(7)
        await viewer.set_timelapse_fps(9)
    await viewer.status()  # what came before has been applied
    settings = stand.camera.settings
    assert not settings.snapshots
    assert settings.snapshot_interval_s == 600
    assert settings.mode is CameraMode.NIGHT
    if profile == "wire":
        assert settings.quality is VideoQuality.FHD
        assert (settings.timelapse_interval_s, settings.timelapse_fps) == (7, 9)


async def test_viewer_when_a_print_runs_then_the_camera_records_and_renders(
    stand: PrusaCameraStand, viewer: Viewer, profile: str
) -> None:
    states: list[VideoState | None] = []
    done = asyncio.Event()

    def told(news: ClientTrigger) -> None:
        states.append(news.video)
        if news.video in (VideoState.DONE, VideoState.FAILED):
            done.set()

    viewer.on_client_trigger.append(told)
    if profile == "wire":
        assert await viewer.files() == ()
    await viewer.enable_timelapse(True)
    await viewer.set_job_name("cube.gcode")
    await stand.camera.wait_for(lambda: len(stand.camera.timelapse.frames) > 5, WAIT_S)
    await viewer.make_video()
    async with asyncio.timeout(WAIT_S):
        await done.wait()
    assert states[0] is VideoState.IN_PROGRESS
    assert states[-1] is VideoState.DONE
    if profile == "wire":
        files = await viewer.files()
        assert [file.state for file in files] == [FileState.DONE]


async def test_viewer_when_the_camera_restarts_then_it_is_silent_and_comes_back(
    stand: PrusaCameraStand, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.camera.leave()
    monkeypatch.setattr(viewer_module, "ANSWER_TIMEOUT_S", 0.1)
    with pytest.raises(SignalingUnavailable, match="did not answer"):
        await viewer.status()
    monkeypatch.setattr(viewer_module, "ANSWER_TIMEOUT_S", WAIT_S)
    assert viewer.state is SessionState.READY
    stand.camera.come_back()
    await stand.camera.wait_for(lambda: stand.camera.is_joined, WAIT_S)
    await viewer.status()
    await viewer.reboot(confirmed=True)
    await stand.camera.wait_for(lambda: stand.camera.reboots == 1, WAIT_S)
    await stand.camera.wait_for(lambda: stand.camera.is_joined, WAIT_S)
    await viewer.status()


async def test_viewer_when_the_token_or_the_account_is_wrong_then_refused(
    stand: PrusaCameraStand, profile: str
) -> None:
    wrong = viewer_at(stand, profile, token="x" * 20)
    await wrong.start()
    try:
        with pytest.raises(SignalingRefused, match="code 5") as told:
            await wrong.wait_ready(WAIT_S)
        assert told.value.code == 5
    finally:
        await wrong.aclose()


async def test_viewer_when_an_origin_is_required_then_it_helps(
    stand: PrusaCameraStand, profile: str
) -> None:
    stand.signaling.behaviour = attrs.evolve(
        stand.signaling.behaviour, require_origin=True
    )
    without = viewer_at(stand, profile)
    await without.start()
    try:
        with pytest.raises(SignalingRefused, match="HTTP 403"):
            await without.wait_ready(WAIT_S)
        assert "origin" in without.advice
    finally:
        await without.aclose()
    with_it = viewer_at(stand, profile, origin="https://connect.prusa3d.com")
    await with_it.start()
    try:
        await with_it.wait_ready(WAIT_S)
    finally:
        await with_it.aclose()


NO_ACKS: list[Any] = ["0", [0], None, {}, 2, 1.5, True]
BEFORE = [
    Fault(FaultKind.REFUSE_UPGRADE, event="upgrade", status=502, count=3),
    Fault(FaultKind.OLD_ENGINE, event="upgrade", seconds=0.1, count=2),
    Fault(FaultKind.DISCONNECT, event="connect", count=2),
    Fault(FaultKind.DROP, event="connect", count=2),
    Fault(FaultKind.DROP, event="client_authentication", count=2),
    Fault(FaultKind.DISCONNECT, event="client_authentication", count=2),
    Fault(FaultKind.ACK_NEVER, event="client_authentication", count=2),
    Fault(FaultKind.ACK_LATE, event="client_authentication", seconds=0.1),
    Fault(FaultKind.STALL, event="client_authentication"),
    Fault(FaultKind.STALL, event="connect"),
    *(Fault(FaultKind.ACK, event="client_authentication", ack=ack) for ack in NO_ACKS),
]


@wire_only
@pytest.mark.parametrize(
    "fault", BEFORE, ids=lambda fault: f"{fault.kind} {fault.event} {fault.ack!r}"
)
async def test_viewer_when_a_fault_hinders_its_beginning_then_it_begins_again(
    stand: PrusaCameraStand,
    profile: str,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "ACKNOWLEDGEMENT_TIMEOUT_S", 0.3)
    monkeypatch.setattr(connection_module, "CONNECT_TIMEOUT_S", 0.5)
    monkeypatch.setattr(connection_module, "LEAVE_TIMEOUT_S", 0.1)
    await stand.signaling.inject(fault)
    made = viewer_at(stand, profile)
    await made.start()
    try:
        await state(made, SessionState.READY)
        await made.status()
        assert not stand.signaling.audit(Role.VIEWER).too_early
    finally:
        await made.aclose()


@pytest.mark.parametrize("kind", [FaultKind.DISCONNECT, FaultKind.DROP])
async def test_viewer_when_it_is_thrown_out_while_ready_then_it_comes_back(
    stand: PrusaCameraStand, viewer: Viewer, kind: FaultKind
) -> None:
    for number in range(3):
        await stand.signaling.inject(Fault(kind, event="trigger"))
        await viewer.take_snapshot()
        await sessions(viewer, number + 2)
    await viewer.status()
    assert viewer.report()["sessions"] == 4
    assert stand.signaling.audit(Role.VIEWER).connections == 4


OF_ANSWERS = [
    FaultKind.NO_ATTACHMENT,
    FaultKind.TWO_ATTACHMENTS,
    FaultKind.TWO_PAYLOADS,
    FaultKind.AS_TEXT,
    FaultKind.TWICE,
    FaultKind.LOSE,
    FaultKind.EMPTY,
    FaultKind.TRUNCATED,
    FaultKind.UNKNOWN_FIELDS,
    FaultKind.WRONG_WIRE_TYPE,
    FaultKind.INVALID_UTF8,
    FaultKind.HUGE,
]


@wire_only
@pytest.mark.parametrize("kind", OF_ANSWERS)
async def test_viewer_when_an_answer_is_spoilt_then_the_session_lives(
    stand: PrusaCameraStand,
    viewer: Viewer,
    kind: FaultKind,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(viewer_module, "ANSWER_TIMEOUT_S", 0.3)
    await stand.signaling.inject(Fault(kind, event="status"))
    try:
        await viewer.status()
        came = True
    except (MessageMalformed, SignalingUnavailable):
        came = False
    expected = (
        FaultKind.TWO_ATTACHMENTS,
        FaultKind.TWICE,
        FaultKind.EMPTY,
        FaultKind.UNKNOWN_FIELDS,
        FaultKind.WRONG_WIRE_TYPE,
    )
    assert came is (kind in expected)
    monkeypatch.setattr(viewer_module, "ANSWER_TIMEOUT_S", WAIT_S)
    assert (await viewer.features()).firmware
    assert (await viewer.status()).temperature_c == 41.5
    assert viewer.report()["sessions"] == 1
    assert "Traceback" not in caplog.text


async def test_viewer_when_the_token_is_revoked_while_connected_then_refused(
    stand: PrusaCameraStand, viewer: Viewer
) -> None:
    texts: list[str] = []
    viewer.on_error.append(texts.append)
    await stand.signaling.revoke(stand.token)
    await state(viewer, SessionState.REFUSED)
    assert "code 5" in viewer.reason
    assert texts == ["ClientIsNotSessionMemberError"]
    with pytest.raises(SignalingRefused):
        await viewer.take_snapshot()


@wire_only
@pytest.mark.parametrize("kind", [FaultKind.NO_PING, FaultKind.STALL])
async def test_viewer_when_the_service_falls_silent_then_it_begins_again(
    profile: str, kind: FaultKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "LEAVE_TIMEOUT_S", 0.1)
    async with PrusaCameraStand(
        profile=profile, ping_interval_s=1.0, ping_timeout_s=0.5
    ) as stand:
        place = "upgrade" if kind is FaultKind.NO_PING else "trigger"
        await stand.signaling.inject(Fault(kind, event=place))
        made = viewer_at(stand, profile)
        await made.start()
        try:
            await made.wait_ready(WAIT_S)
            if kind is FaultKind.STALL:
                await made.take_snapshot()
            await sessions(made, 2)
            # The service notices later than we do, and may lose what it sends to both.
            monkeypatch.setattr(viewer_module, "ANSWER_TIMEOUT_S", 0.5)
            for _ in range(5):
                with suppress(SignalingUnavailable):
                    await made.status()
                    break
            else:
                pytest.fail("no answer in the second session")
        finally:
            await made.aclose()


async def test_viewer_when_the_service_goes_on_and_off_then_it_is_there_in_the_end(
    stand: PrusaCameraStand, viewer: Viewer
) -> None:
    for number in range(10):
        await stand.signaling.disconnect(stand.token, Role.VIEWER)
        await sessions(viewer, number + 2)
        await viewer.status()
