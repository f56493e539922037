# Tests of the virtual Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Its timelapse from job to file, what can be set, and how it fails."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from PIL import Image, ImageStat

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
from moonraker_prusacam.emulator.camera import read_tag
from moonraker_prusacam.emulator.signaling import (
    CameraFault,
    CameraFaultKind,
    Fault,
    Phase,
    PrusaCameraStand,
    Role,
    Trouble,
)
from moonraker_prusacam.emulator.signaling.camera.settings import Settings
from moonraker_prusacam.emulator.signaling.camera.timelapse import (
    MAX_FILES,
    PAGE_BYTES,
    CardFile,
    Timelapse,
)
from moonraker_prusacam.errors import ClosedError
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.video import FFmpeg
from tests.support.signaling import WAIT_S, SignalingViewer, viewing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

JOB = "a vase/2"
RECORDING = {Switch.ON: Phase.RECORDING, Switch.OFF: Phase.IDLE}


def recording(name: str = JOB, frames: int = 2) -> Timelapse:
    timelapse = Timelapse()
    timelapse.enable(True)
    timelapse.begin_job(name)
    for _ in range(frames):
        timelapse.add_frame(b"jpeg")
    return timelapse


@pytest.mark.parametrize(
    ("enabled", "name", "phase"),
    [
        (False, JOB, Phase.IDLE),
        (True, "", Phase.IDLE),
        (True, "unknown_timelapse", Phase.IDLE),
        (True, JOB, Phase.RECORDING),
    ],
)
def test_timelapse_when_enabled_and_with_a_job_then_it_records(
    enabled: bool, name: str, phase: Phase
) -> None:
    timelapse = Timelapse()
    timelapse.enable(enabled)
    timelapse.begin_job(name)
    timelapse.add_frame(b"jpeg")
    assert (timelapse.phase, timelapse.video_state) == (phase, VideoState.IDLE)
    assert len(timelapse.frames) == (phase is Phase.RECORDING)


def test_timelapse_when_the_video_is_made_then_done_and_on_the_card() -> None:
    timelapse = recording()
    assert timelapse.begin_video() is None
    assert timelapse.phase is Phase.IN_PROGRESS
    timelapse.add_frame(b"too late")
    assert timelapse.pages() == [f"1;1\n{JOB};P\n"]
    timelapse.finish(b"mp4")
    assert timelapse.video_state is VideoState.DONE
    assert timelapse.pages() == [f"1;1\n{JOB};D\n"]
    assert timelapse.frames == [b"jpeg"] * 2


@pytest.mark.parametrize("name", [JOB, "another"])
def test_timelapse_when_done_and_a_job_begins_then_from_the_start(name: str) -> None:
    timelapse = recording()
    timelapse.begin_video()
    timelapse.finish(b"mp4")
    timelapse.begin_job(name)
    assert (timelapse.phase, timelapse.frames) == (Phase.RECORDING, [])
    assert timelapse.video_state is VideoState.IDLE


def test_timelapse_when_the_same_job_is_named_twice_then_it_keeps_its_frames() -> None:
    timelapse = recording()
    timelapse.begin_job(JOB)
    assert len(timelapse.frames) == 2
    timelapse.begin_job("another")
    assert timelapse.frames == []


def test_timelapse_when_the_video_is_being_made_then_busy_and_of_that_job() -> None:
    timelapse = recording()
    timelapse.begin_video()
    assert timelapse.begin_video() is Trouble.BUSY
    timelapse.begin_job("another")
    assert (timelapse.phase, timelapse.job_name) == (Phase.IN_PROGRESS, JOB)


def test_timelapse_when_there_are_no_frames_then_failed() -> None:
    timelapse = recording(frames=0)
    assert timelapse.begin_video() is Trouble.NO_FRAMES
    assert timelapse.video_state is VideoState.FAILED
    assert timelapse.pages() == [f"1;1\n{JOB};E\n"]


def test_timelapse_when_there_is_no_card_then_neither_recorded_nor_made() -> None:
    timelapse = recording()
    timelapse.has_storage = False
    assert timelapse.phase is Phase.IDLE
    assert timelapse.enable(True) is Trouble.NO_STORAGE
    assert timelapse.begin_video() is Trouble.NO_STORAGE
    assert timelapse.video_state is VideoState.FAILED
    assert timelapse.pages() == []


def test_pages_when_there_are_many_files_then_of_a_kilobyte_each() -> None:
    timelapse = Timelapse()
    names = [f"{'ž' * number} {number}\n;x" for number in range(60)]
    for name in names:
        timelapse.files[name] = CardFile(FileState.DONE)
    pages = timelapse.pages()
    assert len(pages) > 3
    lists = [FileList(page_text=page) for page in pages]
    assert [one.page for one in lists] == [
        (number, len(pages)) for number in range(1, len(pages) + 1)
    ]
    assert max(len(page.encode()) for page in pages) <= PAGE_BYTES
    assert [file for one in lists for file in one.files] == [
        TimelapseFile(name.replace("\n", " "), FileState.DONE) for name in names
    ]


def test_card_when_there_are_too_many_files_then_the_oldest_goes() -> None:
    timelapse = Timelapse()
    timelapse.enable(True)
    for number in range(MAX_FILES + 1):
        timelapse.begin_job(f"job {number}")
        timelapse.begin_video()
    assert len(timelapse.files) == MAX_FILES
    assert "job 0" not in timelapse.files


@pytest.mark.parametrize(
    ("wanted", "changed"),
    [
        ({"direction": Direction.LEFT, "angle": 10}, {"pan_deg": -10}),
        ({"direction": Direction.RIGHT, "angle": 500}, {"pan_deg": 60}),
        ({"direction": Direction.UP, "angle": 5}, {"tilt_deg": 5}),
        ({"direction": Direction.DOWN, "angle": 99}, {"tilt_deg": -30}),
        ({"light": Switch.ON}, {"light": True}),
        (
            {"mode": CameraMode.NIGHT, "exposure": 7},
            {"mode": CameraMode.NIGHT, "exposure": 7},
        ),
        ({"snapshot_interval_s": 600}, {"snapshot_interval_s": 600}),
        ({"snapshot_interval_s": 9}, {}),
        ({"volume": 101}, {}),
        ({"volume": 5}, {"volume": 5}),
        ({"brightness": -20, "contrast": 3, "saturation": 1},) * 2,
        ({"timelapse_interval_s": 3, "timelapse_fps": 25},) * 2,
        ({"quality": VideoQuality.SD}, {"quality": VideoQuality.SD}),
    ],
    ids=str,
)
def test_settings_when_configured_then_what_is_in_range(
    wanted: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert Settings().configured(Configuration(**wanted)) == Settings(**changed)


@pytest.fixture(params=["wire", "seed"])
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[PrusaCameraStand]:
    async with PrusaCameraStand(profile=request.param, speed=200) as opened:
        yield opened


@pytest.fixture
async def wire_stand() -> AsyncIterator[PrusaCameraStand]:
    async with PrusaCameraStand(speed=200) as opened:
        yield opened


@pytest.fixture
async def viewer(stand: PrusaCameraStand) -> AsyncIterator[SignalingViewer]:
    async with viewing(stand) as opened:
        yield opened


@pytest.fixture
async def wire(wire_stand: PrusaCameraStand) -> AsyncIterator[SignalingViewer]:
    async with viewing(wire_stand) as opened:
        yield opened


async def record(viewer: SignalingViewer, frames: int = 3) -> None:
    """Have the camera record so many frames."""
    camera = viewer.stand.camera
    await viewer.send(Trigger(timelapse=Switch.ON))
    await viewer.send(Configuration(job_name=JOB))
    await camera.wait_for(lambda: len(camera.timelapse.frames) >= frames, WAIT_S)


async def states(viewer: SignalingViewer, last: VideoState) -> list[VideoState | None]:
    """The states that the camera tells, to ``last``."""
    told: list[VideoState | None] = []
    while not told or told[-1] is not last:
        told.append((await viewer.receive(ClientTrigger)).video)
    return told


async def test_print_when_it_is_over_then_its_video_can_be_downloaded(
    stand: PrusaCameraStand, viewer: SignalingViewer, tmp_path: Path
) -> None:
    await record(viewer)
    frames = len(stand.camera.timelapse.frames)
    await viewer.send(Trigger(make_video=Switch.ON))
    told = await states(viewer, VideoState.DONE)
    assert set(told[:-1]) == {VideoState.IN_PROGRESS}
    await stand.connect.wait_for(lambda: JOB in stand.videos, WAIT_S)
    headers = {"Token": stand.token, "Fingerprint": stand.fingerprint}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(stand.video_url(JOB)) as answer,
    ):
        assert answer.status == 200
        video = tmp_path / "video.mp4"
        video.write_bytes(await answer.read())
    ffmpeg = FFmpeg(await asyncio.to_thread(find_ffmpeg, None))
    assert await ffmpeg.count_decoded(video) >= frames
    assert stand.signaling.audit(Role.CAMERA).unasked == []
    assert not any(record.leaks for record in stand.connect.requests)


async def test_status_when_asked_then_as_much_as_the_profile_holds(
    stand: PrusaCameraStand, viewer: SignalingViewer
) -> None:
    await record(viewer)
    await viewer.send(Trigger(get_status=Switch.ON, get_features=Switch.ON))
    status, features = await viewer.receive(Status), await viewer.receive(Features)
    assert status.temperature_c == 41.5
    assert status.camera_token.reveal() == stand.token
    if viewer.profile == "seed":
        assert status.video is VideoState.IDLE
        assert features.sd_card
        return
    assert (status.timelapse, status.storage) == (Switch.ON, Switch.ON)
    assert status.quality is VideoQuality.HD
    assert '"TimelapseVideoMake"' in features.names_json
    assert features.protocol == "4.4"


async def test_video_when_there_are_no_frames_then_failed(
    stand: PrusaCameraStand, viewer: SignalingViewer
) -> None:
    await viewer.send(Trigger(make_video=Switch.ON))
    told = await viewer.receive(ClientTrigger)
    if viewer.profile == "seed":
        assert told.video is VideoState.FAILED
    else:
        assert told == ClientTrigger(error_code=Trouble.NO_FRAMES)
    assert stand.camera.phase is Phase.FAILED


async def test_video_when_the_encoder_fails_then_failed(
    stand: PrusaCameraStand, viewer: SignalingViewer
) -> None:
    stand.camera.inject(CameraFault("encoder"))
    await record(viewer)
    await viewer.send(Trigger(make_video=Switch.ON))
    while (told := await viewer.receive(ClientTrigger)).video is VideoState.IN_PROGRESS:
        pass
    if viewer.profile == "seed":
        assert told.video is VideoState.FAILED
    else:
        assert told == ClientTrigger(error_code=Trouble.ENCODER)
    assert stand.camera.timelapse.files[JOB].state is FileState.ERROR
    assert stand.videos == {}


async def test_card_when_it_is_out_then_not_enabled_and_the_status_says_so(
    stand: PrusaCameraStand, viewer: SignalingViewer
) -> None:
    stand.camera.set_storage(False)
    await viewer.send(Trigger(timelapse=Switch.ON, get_status=Switch.ON))
    told, status = await viewer.receive(ClientTrigger), await viewer.receive(Status)
    if viewer.profile == "seed":
        assert told.video is status.video is VideoState.IDLE
    else:
        assert told == ClientTrigger(error_code=Trouble.NO_STORAGE)
        assert (status.timelapse, status.storage) == (Switch.OFF, Switch.OFF)


async def test_video_when_wanted_twice_then_busy_and_one_video(
    wire_stand: PrusaCameraStand, wire: SignalingViewer
) -> None:
    camera = wire_stand.camera
    camera.inject(CameraFault("stuck"))
    await record(wire)
    await wire.send(Trigger(make_video=Switch.ON))
    await camera.wait_for(lambda: camera.phase is Phase.IN_PROGRESS, WAIT_S)
    await wire.send(Trigger(make_video=Switch.ON, get_files=Switch.ON))
    files = await wire.receive(FileList)
    assert files.files == (TimelapseFile(JOB, FileState.IN_PROGRESS),)
    camera.release()
    codes = []
    while (told := await wire.receive(ClientTrigger)).video is not VideoState.DONE:
        codes.append(told.error_code)
    assert codes.count(Trouble.BUSY) == 1


async def test_recording_when_it_is_disabled_then_no_more_frames(
    wire_stand: PrusaCameraStand, wire: SignalingViewer
) -> None:
    await record(wire)
    await wire.send(Trigger(timelapse=Switch.OFF))
    camera = wire_stand.camera
    await camera.wait_for(lambda: camera.phase is Phase.IDLE, WAIT_S)
    frames = len(camera.timelapse.frames)
    taken = read_tag(camera.last_picture)
    await camera.take_picture()
    assert taken
    assert len(camera.timelapse.frames) == frames


async def test_controls_when_used_then_they_show_in_the_picture(
    wire_stand: PrusaCameraStand, wire: SignalingViewer
) -> None:
    camera = wire_stand.camera

    async def seen(**wanted: Any) -> Image.Image:
        before = camera.settings
        await wire.send(Configuration(**wanted))
        await camera.wait_for(lambda: camera.settings != before, WAIT_S)
        with Image.open(io.BytesIO(await camera.take_picture())) as image:
            return image.convert("RGB")

    def light(image: Image.Image) -> float:
        return ImageStat.Stat(image.convert("L")).mean[0]

    dark = await seen(quality=VideoQuality.SD)
    assert dark.size == (320, 180)
    lit = await seen(light=Switch.ON)
    assert light(lit) > 1.2 * light(dark)
    assert light(await seen(brightness=50)) > light(lit)
    night = await seen(mode=CameraMode.NIGHT)
    assert max(ImageStat.Stat(night.convert("HSV")).mean[1:2]) < 1
    turned = await seen(direction=Direction.RIGHT, angle=45)
    # What was beyond the edge is not drawn.
    assert light(turned.crop((170, 0, 320, 180))) < light(night) / 4


async def test_snapshot_when_wanted_then_prusa_connect_has_it(
    wire_stand: PrusaCameraStand, wire: SignalingViewer
) -> None:
    await wire.send(Trigger(get_snapshot=Switch.ON))
    await wire_stand.camera.wait_for(
        lambda: wire_stand.camera.snapshots_sent == 1, WAIT_S
    )
    image = wire_stand.connect.last_image(wire_stand.token)
    assert image == wire_stand.camera.last_picture


async def test_protocol_and_files_when_asked_with_an_id_then_it_comes_back(
    wire_stand: PrusaCameraStand, wire: SignalingViewer
) -> None:
    for number in range(60):
        card = wire_stand.camera.timelapse.files
        card[f"{number} {'x' * 40}"] = CardFile(FileState.DONE)
    await wire.send(
        Trigger(get_protocol=Switch.ON, get_files=Switch.ON, request_id="mine")
    )
    version = await wire.receive(ProtocolVersion)
    assert (version.version, version.request_id) == ("4.4", "mine")
    pages = [await wire.receive(FileList)]
    while pages[-1].page[0] < pages[-1].page[1]:
        pages.append(await wire.receive(FileList))
    assert {page.request_id for page in pages} == {"mine"}
    assert sum(len(page.files) for page in pages) == 60


@pytest.mark.parametrize(
    ("wanted", "is_update"),
    [(Trigger(reboot=Switch.ON), False), (Trigger(update_firmware=Switch.ON), True)],
    ids=["reboot", "update"],
)
async def test_reboot_when_wanted_then_away_and_back_with_its_card(
    wire_stand: PrusaCameraStand,
    wire: SignalingViewer,
    wanted: Trigger,
    is_update: bool,
) -> None:
    camera = wire_stand.camera
    await record(wire)
    firmware = camera.firmware
    await wire.send(wanted)
    await camera.wait_for(lambda: camera.reboots == 1 and not camera.is_joined, WAIT_S)
    await camera.wait_for(lambda: camera.is_joined, WAIT_S)
    assert (camera.firmware != firmware) == is_update
    assert camera.timelapse.frames
    assert wire_stand.signaling.audit(Role.CAMERA).connections == 2


async def test_reboot_when_a_video_is_being_made_then_it_has_failed(
    wire_stand: PrusaCameraStand, wire: SignalingViewer
) -> None:
    camera = wire_stand.camera
    camera.inject(CameraFault("stuck"))
    await record(wire)
    await wire.send(Trigger(make_video=Switch.ON))
    await camera.wait_for(lambda: camera.phase is Phase.IN_PROGRESS, WAIT_S)
    await wire.send(Trigger(reboot=Switch.ON))
    await camera.wait_for(lambda: camera.phase is Phase.FAILED, WAIT_S)


@pytest.mark.parametrize("state", [Phase.IDLE, Phase.RECORDING, Phase.IN_PROGRESS])
async def test_camera_when_it_goes_away_in_any_state_then_its_work_goes_on(
    wire_stand: PrusaCameraStand, wire: SignalingViewer, state: Phase
) -> None:
    camera = wire_stand.camera
    if state is not Phase.IDLE:
        await record(wire)
    if state is Phase.IN_PROGRESS:
        camera.inject(CameraFault("stuck"))
        await wire.send(Trigger(make_video=Switch.ON))
        await camera.wait_for(lambda: camera.phase is state, WAIT_S)
    assert camera.phase is state
    await camera.leave()
    await wire_stand.signaling.wait_for(
        lambda: not wire_stand.signaling.is_connected(wire_stand.token, Role.CAMERA),
        WAIT_S,
    )
    camera.release()
    if state is Phase.IN_PROGRESS:
        await camera.wait_for(lambda: camera.phase is Phase.DONE, WAIT_S)
    camera.come_back()
    await camera.wait_for(lambda: camera.is_joined, WAIT_S)
    await wire.send(Trigger(get_status=Switch.ON))
    await wire.receive(Status)
    assert wire_stand.signaling.audit(Role.CAMERA).unasked == []


@pytest.mark.parametrize(
    ("kind", "answers"), [("late", 1), ("twice", 2), ("other_request_id", 1)]
)
async def test_answer_when_it_meets_a_fault_then_late_or_twice_or_of_another(
    wire_stand: PrusaCameraStand, wire: SignalingViewer, kind: Any, answers: int
) -> None:
    wire_stand.camera.inject(CameraFault(kind, event="status", seconds=0.1))
    await wire.send(Trigger(get_status=Switch.ON, request_id="mine"))
    got = [await wire.receive(Status) for _ in range(answers)]
    wanted = "of another" if kind == "other_request_id" else "mine"
    assert {status.request_id for status in got} == {wanted}


@pytest.mark.parametrize("kind", ["never", "leave"])
async def test_answer_when_it_never_comes_then_the_next_one_does(
    wire_stand: PrusaCameraStand, wire: SignalingViewer, kind: Any
) -> None:
    camera = wire_stand.camera
    camera.inject(CameraFault(kind, event="status", seconds=0.05))
    await wire.send(Trigger(get_status=Switch.ON))
    if kind == "leave":
        await camera.wait_for(lambda: not camera.is_joined, WAIT_S)
    await camera.wait_for(lambda: camera.is_joined, WAIT_S)
    await wire.send(Trigger(get_features=Switch.ON))
    await wire.receive(Features)
    asked = [e.event for e in wire_stand.signaling.events if e.direction == "in"]
    assert "status" not in asked


async def test_upload_when_it_never_comes_then_done_and_not_there(
    wire_stand: PrusaCameraStand, wire: SignalingViewer
) -> None:
    wire_stand.camera.inject(CameraFault("never", event="upload"))
    await record(wire)
    await wire.send(Trigger(make_video=Switch.ON))
    await states(wire, VideoState.DONE)
    headers = {"Authorization": f"Bearer {wire_stand.jwt}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(wire_stand.video_url(JOB)) as answer,
    ):
        assert answer.status == 404


async def test_frames_when_none_is_taken_then_there_are_none(
    wire_stand: PrusaCameraStand, wire: SignalingViewer
) -> None:
    camera = wire_stand.camera
    camera.inject(CameraFault("never", event="frame", count=3))
    await record(wire, frames=1)
    assert camera.faults.as_json()[0]["met"] == 3


@pytest.mark.parametrize(
    "kind", ["truncated", "invalid_utf8", "as_text", "two_payloads", "huge"]
)
async def test_camera_when_it_is_sent_nonsense_then_it_counts_and_goes_on(
    wire_stand: PrusaCameraStand, wire: SignalingViewer, kind: Any
) -> None:
    camera = wire_stand.camera
    fault = Fault(kind, event="configuration", size_bytes=200_000)
    await wire_stand.signaling.inject(fault)
    await wire.send(Configuration(job_name=JOB))
    await camera.wait_for(lambda: camera.malformed == 1, WAIT_S)
    await wire.send(Trigger(get_status=Switch.ON))
    await wire.receive(Status)
    assert camera.timelapse.job_name == ""


async def test_camera_when_the_service_sends_it_away_then_it_comes_back(
    wire_stand: PrusaCameraStand, wire: SignalingViewer
) -> None:
    camera = wire_stand.camera
    await wire_stand.signaling.disconnect(wire_stand.token, Role.CAMERA)
    await camera.wait_for(lambda: not camera.is_joined, WAIT_S)
    await camera.wait_for(lambda: camera.is_joined, WAIT_S)
    audit = wire_stand.signaling.audit(Role.CAMERA)
    assert (audit.connections, audit.unauthenticated) == (2, [])


async def test_camera_when_another_was_meant_then_nothing(
    wire_stand: PrusaCameraStand, wire: SignalingViewer
) -> None:
    other = type(wire.token)("x" * 20)
    signaling, token = wire_stand.signaling, wire_stand.token
    await signaling.send(token, Configuration(job_name=JOB, camera_token=other))
    await signaling.send(token, Trigger(reboot=Switch.ON, camera_token=other))
    await wire.send(Trigger(get_status=Switch.ON))
    await wire.receive(Status)
    assert wire_stand.camera.timelapse.job_name == ""
    assert wire_stand.camera.reboots == 0


async def test_camera_when_closed_then_it_does_not_start_again(
    wire_stand: PrusaCameraStand,
) -> None:
    await wire_stand.aclose()
    await wire_stand.aclose()
    with pytest.raises(ClosedError):
        await wire_stand.camera.start(wire_stand.url)


@pytest.mark.parametrize("kind", CameraFaultKind)
def test_fault_when_shown_then_it_can_be_read_again(kind: CameraFaultKind) -> None:
    fault = CameraFault(kind, event="status", count=None)
    assert CameraFault.from_json(fault.as_json()) == fault
