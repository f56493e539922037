# A camera of ours at the local signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera role and a viewer of ours, at a strict service with its faults."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs
import pytest

from moonraker_prusacam.connect.signaling.camera_role import (
    CameraRole,
    CameraRoleOptions,
)
from moonraker_prusacam.connect.signaling.messages import (
    FileState,
    TimelapseFile,
    VideoState,
)
from moonraker_prusacam.connect.signaling.session import SessionState
from moonraker_prusacam.emulator.signaling import Fault, FaultKind, Role
from moonraker_prusacam.errors import (
    SignalingRefused,
)
from moonraker_prusacam.secret import Secret
from tests.support import prusa_stand, watched_viewer
from tests.support.camera_role import Actions
from tests.support.prusa_stand import viewer_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.connect.signaling.viewer import Viewer
    from moonraker_prusacam.emulator.signaling.stand import PrusaCameraStand

WAIT_S = 15.0
FINGERPRINT = "0123456789abcdef0123456789abcdef"


begin_again_soon = pytest.fixture(autouse=True)(prusa_stand.begin_again_soon)
profile = pytest.fixture(params=watched_viewer.PROFILES)(watched_viewer.profile)
stand = pytest.fixture(prusa_stand.stand)


SPOILT = [
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


@pytest.fixture
async def role(
    stand: PrusaCameraStand, profile: str
) -> AsyncIterator[tuple[CameraRole, Actions, Viewer]]:
    token = stand.connect.add_camera().token
    actions = Actions()
    made = CameraRole(
        CameraRoleOptions(
            name="ours",
            token=Secret(token),
            fingerprint=FINGERPRINT,
            url=stand.url,
            profile=profile,
        ),
        actions,
    )
    watching = viewer_at(stand, profile, token=token)
    stand.signaling.behaviour = attrs.evolve(
        stand.signaling.behaviour, cycle_unasked=True
    )
    await made.start()
    try:
        await made.wait_ready(WAIT_S)
        await watching.start()
        await watching.wait_ready(WAIT_S)
        yield made, actions, watching
    finally:
        await watching.aclose()
        await made.aclose()
        audit = stand.signaling.audit(Role.CAMERA)
        assert not audit.too_early
        assert not audit.unasked
        assert not audit.unauthenticated
        assert not audit.leaks


async def test_role_when_a_viewer_asks_then_both_of_ours_understand_each_other(
    role: tuple[CameraRole, Actions, Viewer], profile: str
) -> None:
    camera, actions, viewer = role
    actions.videos = [
        TimelapseFile(f"print {number}.mp4", FileState.DONE) for number in range(200)
    ]
    assert (await viewer.status()).temperature_c == 41.5
    if profile == "wire":
        assert (await viewer.protocol()).version == "4.4"
        assert "GetSnapshot" in (await viewer.features()).names_json
        assert list(await viewer.files()) == actions.videos
    await viewer.take_snapshot()
    await viewer.enable_timelapse(True)
    await viewer.set_job_name("cube")
    await viewer.set_snapshot_interval(10)
    await viewer.status()
    expected = [("snapshot",), ("timelapse", True), ("job", "cube"), ("interval", 10)]
    assert [done for done in actions.done if done != ("files",)] == expected
    assert camera.refused == 0


async def test_role_when_a_viewer_wants_a_video_then_it_is_told_how_it_goes(
    role: tuple[CameraRole, Actions, Viewer],
) -> None:
    _, _, viewer = role
    told: asyncio.Queue[VideoState | None] = asyncio.Queue()
    viewer.on_client_trigger.append(lambda news: told.put_nowait(news.video))
    await viewer.make_video()
    async with asyncio.timeout(WAIT_S):
        assert await told.get() is VideoState.IN_PROGRESS
        assert await told.get() is VideoState.DONE


async def test_role_when_it_loses_its_session_then_it_answers_again(
    stand: PrusaCameraStand, role: tuple[CameraRole, Actions, Viewer]
) -> None:
    camera, _, viewer = role
    for kind in (FaultKind.DROP, FaultKind.DISCONNECT):
        await stand.signaling.inject(Fault(kind, event="status"))
        task = asyncio.ensure_future(viewer.status())
        async with asyncio.timeout(WAIT_S):
            while camera.state is SessionState.READY:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        task.cancel()
        await camera.wait_ready(WAIT_S)
        await viewer.features()


async def test_role_when_what_it_gets_is_spoilt_then_it_answers_the_next(
    stand: PrusaCameraStand, role: tuple[CameraRole, Actions, Viewer]
) -> None:
    camera, _, viewer = role
    for kind in SPOILT:
        await stand.signaling.inject(Fault(kind, event="trigger"))
        await viewer.take_snapshot()
        await viewer.features()
    assert camera.state is SessionState.READY
    assert camera.report()["sessions"] == 1


async def test_role_when_its_fingerprint_changed_then_refused_in_words(
    stand: PrusaCameraStand, role: tuple[CameraRole, Actions, Viewer], profile: str
) -> None:
    camera, _, _ = role
    await camera.aclose()
    other = CameraRole(
        attrs.evolve(camera.options, fingerprint="f" * 32),
        Actions(),
    )
    await other.start()
    try:
        with pytest.raises(SignalingRefused, match="do not go together"):
            await other.wait_ready(WAIT_S)
    finally:
        await other.aclose()
