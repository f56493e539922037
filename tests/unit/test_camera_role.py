# Tests of a camera of ours that answers as a camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers and actions, nothing unasked, and triggers of whoever watches."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time

import pytest

from moonraker_prusacam.connect.signaling.camera_actions import Ability
from moonraker_prusacam.connect.signaling.messages import (
    ClientTrigger,
    Features,
    FileList,
    FileState,
    ProtocolVersion,
    Status,
    Switch,
    TimelapseFile,
    VideoState,
)
from moonraker_prusacam.connect.signaling.session import SessionState
from moonraker_prusacam.errors import FrameUnavailable, SignalingRefused
from moonraker_prusacam.secret import Secret
from tests.support import camera_role as support
from tests.support.camera_role import (
    FINGERPRINT,
    ON,
    TOKEN,
    WAIT_S,
    WHO,
    Actions,
    Asking,
    asked,
)

OFF = Switch.OFF


begin_again_soon = pytest.fixture(autouse=True)(support.begin_again_soon)
actions = pytest.fixture(support.actions)
asking = pytest.fixture(support.asking)


async def test_role_when_it_authenticates_then_token_and_fingerprint_are_in_place(
    asking: Asking,
) -> None:
    peer = asking.server.peers[0]
    assert peer.auth == {"token": TOKEN}
    octets = peer.sent[0].octets
    assert octets == b"\x0a\x14" + TOKEN.encode() + b"\x12\x20" + FINGERPRINT.encode()
    await asking.caught_up()
    assert [sent.ack for sent in peer.sent] == [1, None]


async def test_role_when_nobody_asks_then_nothing_is_sent(asking: Asking) -> None:
    peer = asking.server.peers[0]
    for packet in ('42["status",1]', '42["webrtc",1]', '42["set_webrtc_mode",1]', "2"):
        await peer.say(packet)
    await asking.until(lambda: asking.role.report()["ignored"] == 3)
    await peer.close()
    await asking.server.peer(1)
    await asking.role.wait_ready(WAIT_S)
    assert asking.said == []
    assert [sent.name for sent in asking.server.peers[1].sent] == [
        "camera_authentication"
    ]


@pytest.mark.parametrize("code", [1, 2, 3, 4, 99])
async def test_role_when_not_accepted_then_refused_in_words(
    actions: Actions, code: int
) -> None:
    async with asked(actions, acknowledgement=code) as asking:
        with pytest.raises(SignalingRefused, match=f"{code}") as told:
            await asking.role.wait_ready(WAIT_S)
        assert told.value.advice
        assert asking.role.state is SessionState.REFUSED


async def test_status_when_asked_then_what_is_known_goes_to_whom_asked(
    asking: Asking,
) -> None:
    await asking.trigger(get_status=ON)
    sent = await asking.server.event("status")
    status = asking.server.codec.decode(Status, sent.octets)
    assert (status.temperature_c, status.uptime_s) == (41.5, 7)
    assert (status.storage, status.timelapse) == (ON, ON)
    assert (status.name, status.hardware) == ("front", "moonraker-prusacam")
    assert status.camera_token == Secret(TOKEN)
    assert status.request_id == WHO
    assert asking.role.report()["answered"] == 1


@pytest.mark.parametrize(
    "abilities", [set(), {Ability.SNAPSHOT}, {Ability.VIDEO, Ability.INTERVAL}]
)
async def test_features_when_asked_then_only_what_works_is_claimed(
    asking: Asking, actions: Actions, abilities: set[Ability]
) -> None:
    actions.abilities = abilities
    await asking.trigger(get_features=ON)
    sent = await asking.server.event("features")
    features = asking.server.codec.decode(Features, sent.octets)
    names = json.loads(features.names_json)
    assert set(names) == {"SocketCom", "FwVer", "HwVer", *map(str, abilities)}
    digest = hashlib.md5(features.names_json.encode()).hexdigest()
    assert features.names_md5 == digest
    assert features.protocol == "4.4"
    assert features.hardware == "moonraker-prusacam"


async def test_protocol_when_asked_then_its_version_is_told(asking: Asking) -> None:
    await asking.trigger(get_protocol=ON)
    sent = await asking.server.event("protobuf_version")
    version = asking.server.codec.decode(ProtocolVersion, sent.octets)
    assert (version.version, version.request_id) == ("4.4", WHO)


async def test_actions_when_triggered_then_done_in_turn(
    asking: Asking, actions: Actions
) -> None:
    await asking.trigger(snapshots=OFF)
    await asking.trigger(snapshots=ON, timelapse=ON)
    await asking.trigger(timelapse=OFF)
    await asking.configure(snapshot_interval_s=10, job_name="cube")
    await asking.caught_up()
    assert actions.done == [
        ("snapshots", False),
        ("snapshots", True),
        ("timelapse", True),
        ("timelapse", False),
        ("interval", 10),
        ("job", "cube"),
    ]
    assert asking.said == [], "a setting is not answered"
    assert asking.role.report()["refused"] == 0


async def test_snapshot_when_one_is_under_way_then_another_is_not_begun(
    asking: Asking, actions: Actions
) -> None:
    actions.gate.clear()
    await asking.trigger(get_snapshot=ON)
    await asking.trigger(get_snapshot=ON)
    await asking.caught_up()  # nobody waits for it
    assert actions.done == [("snapshot",)]
    assert asking.role.refused == 1
    actions.gate.set()
    await asking.caught_up()
    await asking.trigger(get_snapshot=ON)
    await asking.caught_up()
    assert actions.done == [("snapshot",)] * 2


async def test_video_when_made_then_beginning_and_end_are_told(
    asking: Asking, actions: Actions
) -> None:
    actions.gate.clear()
    await asking.trigger(make_video=ON)
    begun = await asking.server.event("client_trigger")
    await asking.trigger(make_video=ON)
    await asking.caught_up()
    assert asking.role.refused == 1
    actions.gate.set()
    ended = await asking.server.event("client_trigger", 1)
    decode = asking.server.codec.decode
    assert decode(ClientTrigger, begun.octets).video is VideoState.IN_PROGRESS
    assert begun.octets == b"\x18\x01"  # the firmware's number for it
    told = decode(ClientTrigger, ended.octets)
    assert (told.video, told.progress_percent) == (VideoState.DONE, 100)
    assert actions.done == [("video",)]


async def test_video_when_it_fails_then_an_error_is_told(
    asking: Asking, actions: Actions
) -> None:
    actions.error = FrameUnavailable("no frames")
    await asking.trigger(make_video=ON)
    sent = await asking.server.event("client_trigger", 1)
    told = asking.server.codec.decode(ClientTrigger, sent.octets)
    assert (told.video, told.error_code) == (None, 1)
    await asking.caught_up()
    assert "no frames" in asking.role.last_refused


async def test_video_when_the_session_changes_meanwhile_then_its_end_is_not_told(
    asking: Asking, actions: Actions
) -> None:
    actions.gate.clear()
    await asking.trigger(make_video=ON)
    await asking.server.event("client_trigger")
    await asking.server.peers[0].close()
    await asking.server.peer(1)
    await asking.role.wait_ready(WAIT_S)
    actions.gate.set()
    await asking.caught_up()
    names = [sent.name for sent in asking.server.peers[1].sent]
    assert names == ["camera_authentication", "protobuf_version"]


async def test_files_when_there_are_none_then_nothing_is_sent(
    asking: Asking, actions: Actions
) -> None:
    await asking.trigger(get_files=ON)
    await asking.caught_up()
    assert actions.done == [("files",)]
    assert asking.said == []


async def test_files_when_there_are_many_then_they_go_in_pages(
    asking: Asking, actions: Actions
) -> None:
    actions.videos = [
        TimelapseFile(f"Würfel {number}; 0.2 mm.mp4", FileState.DONE)
        for number in range(100)
    ]
    actions.videos[7:7] = [
        TimelapseFile("a\nb", FileState.DONE),
        TimelapseFile("x" * 1024, FileState.DONE),
    ]
    began_s = time.monotonic()
    await asking.trigger(get_files=ON)
    await asking.caught_up()
    took_s = time.monotonic() - began_s
    pages = [
        asking.server.codec.decode(FileList, sent.octets)
        for sent in asking.server.events("file_list")
    ]
    assert all(len(page.page_text.encode()) <= 1024 for page in pages)
    assert [page.page for page in pages] == [
        (number, len(pages)) for number in range(1, len(pages) + 1)
    ]
    names = [file.name for page in pages for file in page.files]
    assert names == [f"Würfel {number}; 0.2 mm.mp4" for number in range(100)]
    assert all(page.request_id == WHO for page in pages)
    assert len(pages) > 2
    assert took_s >= 0.05 * (len(pages) - 1)


async def test_role_when_closed_while_it_acts_then_nothing_is_left(
    asking: Asking, actions: Actions
) -> None:
    # What is left, a fixture of every test would find.
    actions.gate.clear()
    await asking.trigger(get_snapshot=ON, make_video=ON)
    await asking.trigger(timelapse=ON)
    await asking.until(lambda: len(actions.done) == 3)
    await asking.role.aclose()
    await asking.role.aclose()


async def test_secrets_when_the_server_repeats_them_then_they_are_masked(
    asking: Asking, caplog: pytest.LogCaptureFixture
) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    asking.role.on_error.append(told.put_nowait)
    text = f"CameraIsNotSessionMemberError {TOKEN} {FINGERPRINT}"
    await asking.server.peers[0].emit_text("error", text)
    async with asyncio.timeout(WAIT_S):
        assert await told.get() == "CameraIsNotSessionMemberError *** ***"
    await asking.server.peer(1)
    await asking.role.wait_ready(WAIT_S)
    assert TOKEN not in caplog.text
    assert FINGERPRINT not in caplog.text


@pytest.mark.parametrize("ability", [None, *Ability])
async def test_role_when_the_profile_is_seed_then_it_answers_in_it(
    actions: Actions, ability: Ability | None
) -> None:
    actions.abilities = {ability} if ability else set()
    async with asked(actions, "seed") as asking:
        await asking.trigger(get_status=ON, get_protocol=ON, get_files=ON)
        await asking.trigger(get_features=ON)
        decode = asking.server.codec.decode
        features = decode(Features, (await asking.server.event("features")).octets)
        assert features.sd_card is (ability is Ability.TIMELAPSE)
        status = decode(Status, (await asking.server.event("status")).octets)
        assert status.temperature_c == 41.5
