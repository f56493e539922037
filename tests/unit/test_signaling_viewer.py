# Tests of a viewer's questions and commands.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a viewer sends, octet by octet, and which answer it takes for its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.connect.signaling import answers as answers_module
from moonraker_prusacam.connect.signaling import session as session_module
from moonraker_prusacam.connect.signaling import viewer as viewer_module
from moonraker_prusacam.connect.signaling.messages import (
    CameraMode,
    ClientTrigger,
    Configuration,
    Direction,
    Features,
    FileList,
    FileState,
    ProtocolVersion,
    Status,
    Switch,
    TimelapseFile,
    Trigger,
    VideoQuality,
    VideoState,
)
from moonraker_prusacam.errors import (
    MessageMalformed,
    MessageUnsupported,
    SignalingOptionError,
    SignalingUnavailable,
)
from moonraker_prusacam.secret import Secret
from tests.support.signaling import SID, signaling
from tests.support.watched_viewer import TOKEN, WAIT_S, Watched, options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from moonraker_prusacam.connect.signaling.messages import Message
    from moonraker_prusacam.connect.signaling.viewer import Viewer
    from tests.support.signaling import Peer, Sent, SignalingServer

ON, OFF = Switch.ON, Switch.OFF
TOKEN_HEX = "14" + TOKEN.encode().hex()
SID_HEX = f"{len(SID):02x}" + SID.encode().hex()


@pytest.fixture(autouse=True)
def begin_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(session_module, "LAST_DELAY_S", 0.05)


@pytest.fixture(params=["wire", "seed"])
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def server(profile: str) -> AsyncIterator[SignalingServer]:
    async with signaling(profile) as running:
        yield running


@pytest.fixture
async def viewer(server: SignalingServer, profile: str) -> AsyncIterator[Viewer]:
    async with Watched(options(server.url, profile=profile)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        yield watched.viewer


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


TRIGGERS: dict[str, tuple[Callable[[Viewer], Coroutine[Any, Any, None]], str]] = {
    "take_snapshot": (lambda v: v.take_snapshot(), "1801"),
    "enable_snapshots": (lambda v: v.enable_snapshots(True), "2001"),
    "disable_snapshots": (lambda v: v.enable_snapshots(False), "2002"),
    "enable_timelapse": (lambda v: v.enable_timelapse(True), "2801"),
    "disable_timelapse": (lambda v: v.enable_timelapse(False), "2802"),
    "make_video": (lambda v: v.make_video(), "7001"),
    "rtsp on": (lambda v: v.set_rtsp_server(True), "5001"),
    "rtsp off": (lambda v: v.set_rtsp_server(False), "5002"),
    "reboot": (lambda v: v.reboot(confirmed=True), "4801"),
    "update": (lambda v: v.update_firmware(confirmed=True), "4001"),
}


@pytest.mark.parametrize("name", TRIGGERS)
async def test_trigger_when_sent_then_it_is_one_field_of_that_number(
    server: SignalingServer, viewer: Viewer, name: str
) -> None:
    call, field = TRIGGERS[name]
    await call(viewer)
    octets = (await server.event("trigger")).octets.hex()
    address = f"5a{TOKEN_HEX}6a{SID_HEX}"
    # Fields go in the order of their numbers: 14 is behind 11 and 13.
    expected = address + field if name == "make_video" else field + address
    assert octets == expected


BOTH: dict[str, tuple[Callable[[Viewer], Coroutine[Any, Any, None]], Configuration]] = {
    "rotate": (
        lambda v: v.rotate(Direction.UP, 30),
        Configuration(direction=Direction.UP, angle=30),
    ),
    "light on": (lambda v: v.set_light(True), Configuration(light=ON)),
    "light off": (lambda v: v.set_light(False), Configuration(light=OFF)),
    "mode": (
        lambda v: v.set_mode(CameraMode.NIGHT),
        Configuration(mode=CameraMode.NIGHT),
    ),
    "interval": (
        lambda v: v.set_snapshot_interval(30),
        Configuration(snapshot_interval_s=30),
    ),
    "job": (lambda v: v.set_job_name("cube"), Configuration(job_name="cube")),
    "volume": (lambda v: v.set_volume(50), Configuration(volume=50)),
    "brightness": (lambda v: v.set_brightness(7), Configuration(brightness=7)),
    "saturation": (lambda v: v.set_saturation(7), Configuration(saturation=7)),
}
WIRE = {
    "timelapse interval": (
        lambda v: v.set_timelapse_interval(20),
        Configuration(timelapse_interval_s=20),
    ),
    "fps": (lambda v: v.set_timelapse_fps(15), Configuration(timelapse_fps=15)),
    "quality": (
        lambda v: v.set_quality(VideoQuality.FHD),
        Configuration(quality=VideoQuality.FHD),
    ),
}
SEED = {
    "exposure": (lambda v: v.set_exposure(9), Configuration(exposure=9)),
    "contrast": (lambda v: v.set_contrast(-9), Configuration(contrast=-9)),
    "brightness < 0": (lambda v: v.set_brightness(-7), Configuration(brightness=-7)),
}
CONTROLS: dict[
    str, tuple[Callable[[Viewer], Coroutine[Any, Any, None]], Configuration]
] = {
    **BOTH,
    **WIRE,
    **SEED,
}


@pytest.mark.parametrize("name", CONTROLS)
async def test_control_when_set_then_it_is_sent_or_the_profile_lacks_it(
    server: SignalingServer, viewer: Viewer, name: str
) -> None:
    call, expected = CONTROLS[name]
    has_it = name in BOTH or name in {"wire": WIRE, "seed": SEED}[server.codec.profile]
    if not has_it:
        with pytest.raises((MessageUnsupported, SignalingOptionError)):
            await call(viewer)
        return
    await call(viewer)
    sent = await server.event("configuration")
    said = server.codec.decode(Configuration, sent.octets)
    assert said.camera_token == Secret(TOKEN)
    assert said.request_id == SID
    assert server.codec.encode(expected) in sent.octets


REFUSED: dict[str, Callable[[Viewer], Coroutine[Any, Any, None]]] = {
    "interval": lambda v: v.set_snapshot_interval(9),
    "volume": lambda v: v.set_volume(101),
    "angle": lambda v: v.rotate(Direction.UP, 0),
    "direction": lambda v: v.rotate("UP", 5),  # type: ignore[arg-type]
    "mode": lambda v: v.set_mode(2),  # type: ignore[arg-type]
    "quality": lambda v: v.set_quality("HD"),  # type: ignore[arg-type]
    "job": lambda v: v.set_job_name(""),
    "light": lambda v: v.set_light(1),  # type: ignore[arg-type]
    "reboot": lambda v: v.reboot(confirmed=False),
    "update": lambda v: v.update_firmware(confirmed="y"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", REFUSED)
async def test_control_when_it_makes_no_sense_then_nothing_is_sent(
    server: SignalingServer, viewer: Viewer, name: str
) -> None:
    with pytest.raises(SignalingOptionError):
        await REFUSED[name](viewer)
    await viewer.take_snapshot()
    await server.event("trigger")
    assert len(server.peers[0].sent) == 2


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
    asked = answering(server, *(("file_list", each) for each in pages), of="get_files")
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
