# Tests of a viewer's questions.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a viewer asks, and which answers it takes for its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.connect.signaling import answers as answers_module
from moonraker_prusacam.connect.signaling import viewer as viewer_module
from moonraker_prusacam.connect.signaling.messages import (
    ClientTrigger,
    Features,
    FileList,
    FileState,
    ProtocolVersion,
    Status,
    Switch,
    TimelapseFile,
    Trigger,
    VideoState,
)
from moonraker_prusacam.errors import (
    MessageMalformed,
    MessageUnsupported,
    SignalingUnavailable,
)
from moonraker_prusacam.secret import Secret
from tests.support import watched_viewer
from tests.support.scripted_signaling import SID
from tests.support.watched_viewer import TOKEN, WAIT_S, Watched, options

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from moonraker_prusacam.connect.signaling.messages import Message
    from moonraker_prusacam.connect.signaling.viewer import Viewer
    from tests.support.scripted_signaling import Peer, Sent, SignalingServer

ON, OFF = Switch.ON, Switch.OFF
TOKEN_HEX = "14" + TOKEN.encode().hex()
SID_HEX = f"{len(SID):02x}" + SID.encode().hex()


begin_again_soon = pytest.fixture(autouse=True)(watched_viewer.begin_again_soon)
profile = pytest.fixture(params=watched_viewer.PROFILES)(watched_viewer.profile)
server = pytest.fixture(watched_viewer.server_of)
viewer = pytest.fixture(watched_viewer.ready)
wire_only = pytest.mark.parametrize("profile", ["wire"], indirect=True)
seed_only = pytest.mark.parametrize("profile", ["seed"], indirect=True)


def answering(
    server: SignalingServer, *replies: tuple[str, Message], of: str = ""
) -> list[Trigger]:
    """Have ``server`` answer each trigger (of the field ``of``) with ``replies``."""
    asked: list[Trigger] = []

    async def answer(peer: Peer, sent: Sent) -> None:
        trigger = server.codec.decode(Trigger, sent.octets)
        asked.append(trigger)
        if not of or getattr(trigger, of):
            for name, message in replies:
                await server.tell(peer, name, message)

    server.on_event = answer
    return asked


async def test_status_when_asked_then_the_answer_is_returned_and_told(
    server: SignalingServer, viewer: Viewer
) -> None:
    told: list[Status] = []
    viewer.on_status.append(told.append)
    asked = answering(server, ("status", Status(uptime="1 day")))
    status = await viewer.status()
    assert status.uptime == "1 day"
    assert told == [status]
    assert asked == [Trigger(get_status=ON, camera_token=Secret(TOKEN), request_id=SID)]
    octets = server.events("trigger")[0].octets
    assert octets.hex() == f"08015a{TOKEN_HEX}6a{SID_HEX}"


async def test_features_when_asked_then_the_answer_is_returned_and_told(
    server: SignalingServer, viewer: Viewer
) -> None:
    told: list[Features] = []
    viewer.on_features.append(told.append)
    asked = answering(server, ("features", Features(firmware="3.1.6")))
    assert (await viewer.features()).firmware == "3.1.6"
    assert len(told) == 1
    assert asked[0].get_features is ON


@wire_only
async def test_protocol_when_asked_then_the_version_is_returned(
    server: SignalingServer, viewer: Viewer
) -> None:
    version = ProtocolVersion(version="4.4", request_id=SID)
    asked = answering(server, ("protobuf_version", version))
    assert (await viewer.protocol()).version == "4.4"
    assert asked[0].get_protocol is ON


@seed_only
async def test_question_when_the_profile_has_no_answer_then_it_is_not_asked(
    server: SignalingServer, viewer: Viewer
) -> None:
    for question in (viewer.protocol, viewer.files):
        with pytest.raises(MessageUnsupported, match="seed"):
            await question()
    assert not server.events("trigger")


@wire_only
async def test_answer_when_it_is_for_another_viewer_then_it_is_told_but_not_taken(
    server: SignalingServer, viewer: Viewer
) -> None:
    told: list[str] = []
    viewer.on_status.append(lambda status: told.append(status.name))
    answering(
        server,
        ("status", Status(name="theirs", request_id="another")),
        ("status", Status(name="ours", request_id=SID)),
    )
    assert (await viewer.status()).name == "ours"
    assert told == ["theirs", "ours"]


async def test_answer_when_it_does_not_come_then_named_error_with_advice(
    server: SignalingServer, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_module, "ANSWER_TIMEOUT_S", 0.05)
    with pytest.raises(SignalingUnavailable, match=r"Status in 0\.05 s") as told:
        await viewer.status()
    assert "online" in told.value.advice
    # One that comes too late harms nobody.
    await server.tell(server.peers[0], "status", Status(uptime="late"))
    answering(server, ("status", Status(uptime="in time")))
    monkeypatch.setattr(viewer_module, "ANSWER_TIMEOUT_S", WAIT_S)
    assert (await viewer.status()).uptime in ("late", "in time")


async def test_answer_when_it_is_damaged_then_malformed_at_once(
    server: SignalingServer, viewer: Viewer
) -> None:
    async def damage(peer: Peer, _sent: Sent) -> None:
        await peer.emit("status", b"\x0a\xff")

    server.on_event = damage
    with pytest.raises(MessageMalformed, match="Status of 2 octets"):
        await viewer.status()
    assert viewer.report()["malformed"] == 1


async def test_answer_when_the_session_is_lost_meanwhile_then_it_fails_at_once(
    server: SignalingServer, viewer: Viewer
) -> None:
    async def close(peer: Peer, _sent: Sent) -> None:
        await peer.close()

    server.on_event = close
    questions: list[Callable[[], Coroutine[Any, Any, Any]]]
    questions = [viewer.status, viewer.features]
    if viewer.options.profile == "wire":
        questions.append(viewer.files)
    for question in questions:
        await viewer.wait_ready(WAIT_S)
        with pytest.raises(SignalingUnavailable, match="broke"):
            await question()


async def test_questions_when_many_at_once_then_one_answer_serves_all(
    server: SignalingServer, viewer: Viewer
) -> None:
    waiting = [asyncio.ensure_future(viewer.status()) for _ in range(5)]
    await server.event("trigger", 4)
    await server.tell(server.peers[0], "status", Status(load="0.1"))
    assert [status.load for status in await asyncio.gather(*waiting)] == ["0.1"] * 5


async def test_questions_when_too_many_then_refused(
    server: SignalingServer, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_module, "MAX_WAITING", 3)
    waiting = [asyncio.ensure_future(viewer.status()) for _ in range(3)]
    await server.event("trigger", 2)
    with pytest.raises(SignalingUnavailable, match="too many"):
        await viewer.features()
    await server.tell(server.peers[0], "status", Status(load="0.1"))
    await asyncio.gather(*waiting)
    answering(server, ("features", Features(firmware="1")))
    await viewer.features()


async def test_question_when_given_up_then_the_next_one_works(
    server: SignalingServer, viewer: Viewer
) -> None:
    task = asyncio.ensure_future(viewer.status())
    await server.event("trigger")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answering(server, ("status", Status(load="2")))
    assert (await viewer.status()).load == "2"


async def test_client_trigger_when_it_comes_unasked_then_it_is_told(
    server: SignalingServer, viewer: Viewer
) -> None:
    told: asyncio.Queue[ClientTrigger] = asyncio.Queue()
    viewer.on_client_trigger.append(told.put_nowait)
    for state in (VideoState.IN_PROGRESS, VideoState.DONE):
        news = ClientTrigger(video=state)
        await server.tell(server.peers[0], "client_trigger", news)
        async with asyncio.timeout(WAIT_S):
            assert (await told.get()).video is state


async def test_error_when_the_server_tells_one_then_its_text_is_told(
    server: SignalingServer, viewer: Viewer
) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    viewer.on_error.append(told.put_nowait)
    text = "webrtc - Error: Unimplemented type: 3"
    await server.peers[0].emit_text("error", text)
    await server.peers[0].emit("error", text.encode() + b"\xff")
    async with asyncio.timeout(WAIT_S):
        assert await told.get() == text
        assert (await told.get()).startswith(text)


def page(number: int, count: int, *names: str, whose: str = SID) -> FileList:
    rows = "".join(f"{name};D\n" for name in names)
    return FileList(page_text=f"{number};{count}\n{rows}", request_id=whose)


def names(files: tuple[TimelapseFile, ...]) -> str:
    return " ".join(file.name for file in files)


@wire_only
@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([page(1, 1, "a")], "a"),
        ([page(1, 3, "a", "b"), page(2, 3, "c"), page(3, 3, "d")], "a b c d"),
        ([page(0, 2, "a"), page(1, 2, "b")], "a b"),  # counted from 0
        ([page(3, 3, "c"), page(1, 3, "a"), page(2, 3, "b")], "a b c"),
        ([page(1, 2, "a"), page(1, 2, "a"), page(2, 2, "b")], "a b"),
        ([page(1, 2, "old"), page(1, 1, "new")], "new"),
        ([page(1, 1, "x", whose="them"), page(1, 1, "a", whose="")], "a"),
        ([FileList(page_text="1;1\na;D\nb;E\nc;P\nd;?\n")], "a b c d"),
    ],
)
async def test_files_when_the_pages_come_then_all_are_returned(
    server: SignalingServer,
    viewer: Viewer,
    pages: list[FileList],
    expected: str,
) -> None:
    asked: list[Trigger] = []

    async def answer(peer: Peer, sent: Sent) -> None:
        trigger = server.codec.decode(Trigger, sent.octets)
        asked.append(trigger)
        for each in pages if trigger.get_files else ():
            await server.tell(peer, "file_list", each)
        if trigger.get_status:
            await server.tell(peer, "status", Status(request_id=SID))

    server.on_event = answer
    told: list[FileList] = []
    viewer.on_files.append(told.append)
    files = await viewer.files()
    assert names(files) == expected
    assert told
    assert asked[0].get_files is ON
    if expected == "a b c d" and len(pages) == 1:
        assert [file.state for file in files] == list(FileState)


@wire_only
async def test_files_when_the_camera_has_none_then_its_status_says_it_is_there(
    server: SignalingServer, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_module, "NO_FILES_S", 0.05)
    answering(server, ("status", Status(name="x")), of="get_status")
    assert await viewer.files() == ()


@wire_only
async def test_files_when_the_status_is_lost_then_the_list_is_whole_all_the_same(
    server: SignalingServer, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_module, "PAGE_TIMEOUT_S", 0.05)
    answering(server, ("file_list", page(1, 1, "a")), of="get_files")
    assert names(await viewer.files()) == "a"


@wire_only
async def test_files_when_the_camera_is_silent_then_that_is_told(
    server: SignalingServer, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_module, "ANSWER_TIMEOUT_S", 0.05)
    with pytest.raises(SignalingUnavailable, match="FileList"):
        await viewer.files()


@wire_only
async def test_files_when_a_page_is_lost_then_that_is_told(
    server: SignalingServer, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_module, "PAGE_TIMEOUT_S", 0.05)
    lost = [("file_list", page(1, 3, "a")), ("file_list", page(3, 3, "c"))]
    answering(server, *lost, of="get_files")
    with pytest.raises(SignalingUnavailable, match="2 of 3 pages"):
        await viewer.files()


@wire_only
@pytest.mark.parametrize(
    "text", ["5;3\na;D\n", "1;0\n", "-1;2\n", "1;99999\n", "1;1000000000000\nx;D"]
)
async def test_files_when_a_page_makes_no_sense_then_malformed(
    server: SignalingServer, viewer: Viewer, text: str
) -> None:
    answering(server, ("file_list", FileList(page_text=text)), of="get_files")
    with pytest.raises(MessageMalformed, match="no sense"):
        await viewer.files()


@wire_only
async def test_files_when_the_list_does_not_end_then_malformed(
    server: SignalingServer, viewer: Viewer
) -> None:
    async def endless(peer: Peer, sent: Sent) -> None:
        for number in range(1, 40):
            await server.tell(peer, "file_list", page(number, 900, "x" * 60_000))

    server.on_event = endless
    with pytest.raises(MessageMalformed, match="too long"):
        await viewer.files()


@seed_only
async def test_first_word_when_the_profile_is_seed_then_it_has_the_fingerprint(
    server: SignalingServer,
) -> None:
    made = options(server.url, profile="seed", fingerprint="f" * 40)
    async with Watched(made) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        octets = (await server.event("client_authentication")).octets
    assert octets.endswith(b"\x22\x28" + b"f" * 40)
