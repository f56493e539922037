# A camera of ours as a MultiCam device.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What controllers ask it to do, and what it answers."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam import mp4
from moonraker_prusacam.errors import SourceUnavailable
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.multicam.device import device as device_module
from moonraker_prusacam.multicam.device import recordings as recordings_module
from moonraker_prusacam.multicam.device.movie import Movie
from moonraker_prusacam.multicam.device.recordings import Recordings
from moonraker_prusacam.multicam.protocol import DeviceStatus
from tests.support import jpeg
from tests.support.multicam_device import (
    ELSEWHERE,
    FPS,
    NOT_SET,
    WAIT_S,
    Client,
    Stage,
    command_octets,
    stage,
)
from tests.support.sources import LOOK_S
from tests.support.staged_source import PICTURE, StagedSource

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.multicam.device.ring import RingFrame

log = logging.getLogger(__name__)

AHEAD_S = 0.25
STOPPED_AHEAD_S = 2.0  # time enough for two orders, on a busy host as well
STATUS_KEYS = [
    "deviceId",
    "status",
    "timestamp",
    "isRecording",
    "batteryLevel",
    "deviceType",
    "uploadQueue",
    "failedUploadQueue",
]


def late_ms(first: RingFrame, target_s: float) -> float:
    return (first.unix_s - target_s) * 1e3


async def recorded(client: Client, standing: Stage) -> dict[str, Any]:
    """A short recording, from its start at once to its end."""
    started = await client.ask("START_RECORDING", timestamp=time.time())
    assert started["status"] == "recording"
    await standing.frame()
    return await client.ask("STOP_RECORDING")


async def scheduled(client: Client, ahead_s: float) -> float:
    """Have it record at an instant to come, Unix seconds, which is given back."""
    while True:
        target_s = time.time() + ahead_s
        accepted = await client.ask("START_RECORDING", timestamp=target_s)
        if accepted["status"] == "scheduled_recording_accepted":
            assert accepted["isRecording"] is False
            return target_s
        # A busy host: the order came after its instant.
        assert accepted["status"] == "recording"
        await client.ask("STOP_RECORDING")


@pytest.mark.parametrize("command", ["DEVICE_STATUS", "HEARTBEAT"])
async def test_device_when_asked_how_it_is_then_answer_is_the_superset(
    tmp_path: Path, command: str
) -> None:
    async with stage(tmp_path) as standing:
        answer = await (await standing.client()).ask(command)
    assert list(answer) == STATUS_KEYS
    assert re.fullmatch(r"Prusa-[0-9A-F]{8}", answer["deviceId"])
    assert answer["status"] == "ready"
    assert answer["isRecording"] is False
    assert abs(answer["timestamp"] - time.time()) < WAIT_S
    assert answer["batteryLevel"] is None
    assert answer["deviceType"] == "Linux:Klipper"
    assert answer["uploadQueue"] == answer["failedUploadQueue"] == []


async def test_device_when_started_at_once_then_stop_names_a_whole_file(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        client = await standing.client()
        started = await client.ask("START_RECORDING", timestamp=time.time())
        assert list(started) == STATUS_KEYS
        assert (started["status"], started["isRecording"]) == ("recording", True)
        again = await client.ask("START_RECORDING", timestamp=time.time() + 5)
        assert (again["status"], again["isRecording"]) == ("recording", True)
        for _ in range(3):
            await standing.frame()
        stopped = await client.ask("STOP_RECORDING")
        file_name = stopped["fileName"]
        assert list(stopped) == [*STATUS_KEYS[:4], "fileId", "fileName", "fileSize"]
        assert stopped["status"] == "recording_stopped"
        assert stopped["isRecording"] is False
        assert file_name == stopped["fileId"] + ".mp4"
        path = tmp_path / "bed" / file_name
        assert path.stat().st_size == stopped["fileSize"]
        await asyncio.to_thread(mp4.check_whole, path)
        track = await asyncio.to_thread(mp4.read_track, path)
        assert track.frames >= 3
        assert (track.width, track.height) == (64, 48)
        (listed,) = (await client.ask("LIST_FILES"))["files"]
        assert listed["fileId"] == stopped["fileId"]
        assert listed["fileName"] == file_name
        assert listed["fileSize"] == stopped["fileSize"]
        for key in ({"fileId": stopped["fileId"]}, {"fileName": file_name}):
            header, video = await client.fetch(**key)
            assert list(header) == [
                "deviceId", "fileId", "fileName", "fileSize", "status",
            ]  # fmt: skip
            assert header["status"] == "ready"
            assert video == path.read_bytes()
        # Fetching takes nothing away.
        assert len((await client.ask("LIST_FILES"))["files"]) == 1


async def test_device_when_started_for_an_instant_then_first_frame_is_the_next_one(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        device = standing.service.device
        assert device is not None
        client = await standing.client()
        for number in range(9):
            await standing.frame()
            # Instants at all places between two frames.
            target_s = await scheduled(client, AHEAD_S + number / 9 / FPS)
            recording = device.recording
            assert recording is not None
            async with asyncio.timeout(WAIT_S):
                await recording.settled.wait()
            first = recording.first
            assert first is not None
            before = [
                frame.unix_s
                for frame in device.ring.since(0)
                if frame.number == first.number - 1
            ]
            # None at or after the instant was left out.
            assert before
            assert before[0] < target_s <= first.unix_s
            log.info("the first frame is late by %.1f ms", late_ms(first, target_s))
            status = await client.ask("DEVICE_STATUS")
            assert (status["status"], status["isRecording"]) == ("recording", True)
            stopped = await client.ask("STOP_RECORDING")
            began_ms = int(stopped["fileId"].rpartition("_")[2])
            assert began_ms == round(first.unix_s * 1000)


async def test_device_when_order_is_late_then_ring_still_has_the_instant(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        device = standing.service.device
        assert device is not None
        while device.ring.span_s < 0.4:
            await standing.frame()
        frames = device.ring.since(0)
        target_s = frames[-1].unix_s - 0.3
        expected = next(frame for frame in frames if frame.unix_s >= target_s)
        client = await standing.client()
        started = await client.ask("START_RECORDING", timestamp=target_s)
        assert started["status"] == "recording"
        assert device.recording is not None
        assert device.recording.first is expected is not frames[0]


async def test_device_when_clock_is_not_set_then_only_a_start_at_once_is_taken(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, clock=NOT_SET) as standing:
        client = await standing.client(ELSEWHERE)
        refused = await client.ask("START_RECORDING", timestamp=time.time() + 3)
        assert list(refused) == [*STATUS_KEYS[:4], "message"]
        assert refused["status"] == "time_not_synchronized"
        assert refused["message"] == NOT_SET.reason
        started = await client.ask("START_RECORDING", timestamp=time.time())
        assert started["status"] == "recording"


async def test_device_when_clock_is_not_set_then_who_has_the_same_one_is_obeyed(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, clock=NOT_SET) as standing:
        client = await standing.client()
        target_s = time.time() + 0.3
        accepted = await client.ask("START_RECORDING", timestamp=target_s)
        assert accepted["status"] == "scheduled_recording_accepted"
        device = standing.service.device
        assert device is not None
        assert device.recording is not None
        recording = device.recording
        async with asyncio.timeout(WAIT_S):
            await recording.settled.wait()
        assert recording.first is not None
        assert recording.first.unix_s >= target_s


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"timestamp": 1e12}, "error"),
        ({"timestamp": "soon"}, "error"),
        ({"timestamp": True}, "error"),
        ({"timestamp": float("nan")}, "error"),
        ({"timestamp": float("inf")}, "error"),
        ({"timestamp": None}, "error"),
        ({"timestamp": [1]}, "error"),
    ],
)
async def test_device_when_instant_is_none_then_start_is_refused(
    tmp_path: Path, fields: dict[str, Any], status: str
) -> None:
    async with stage(tmp_path) as standing:
        client = await standing.client()
        answer = await client.ask("START_RECORDING", **fields)
        assert answer["status"] == status
        assert answer["message"]
        assert (await client.ask("DEVICE_STATUS"))["status"] == "ready"


async def test_device_when_idle_and_stopped_then_answers_an_error(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        answer = await (await standing.client()).ask("STOP_RECORDING")
        assert (answer["status"], answer["message"]) == ("error", "not recording")


async def test_device_when_stopped_before_the_instant_then_never_starts(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        client = await standing.client()
        target_s = time.time() + STOPPED_AHEAD_S
        await client.ask("START_RECORDING", timestamp=target_s)
        waiting = await client.ask("DEVICE_STATUS")
        assert waiting["status"] == "scheduled_recording_accepted"
        answer = await client.ask("STOP_RECORDING")
        assert answer["status"] == "error"
        assert answer["message"] == "scheduled recording cancelled"
        while time.time() < target_s + AHEAD_S:
            await standing.frame()
        status = await client.ask("DEVICE_STATUS")
        assert (status["status"], status["isRecording"]) == ("ready", False)
        assert (await client.ask("LIST_FILES"))["files"] == []
    assert list((tmp_path / "bed").iterdir()) == []


async def test_device_when_scheduled_anew_then_newest_instant_counts(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        device = standing.service.device
        assert device is not None
        client = await standing.client()
        await client.ask("START_RECORDING", timestamp=time.time() + 60)
        target_s = time.time() + 30
        again = await client.ask("START_RECORDING", timestamp=target_s)
        assert again["status"] == "scheduled_recording_accepted"
        assert device.recording is not None
        assert device.recording.target_s == target_s


@pytest.mark.parametrize("later_s", [0.0, 5.0])
async def test_device_when_started_twice_before_its_first_frame_then_both_have_it(
    tmp_path: Path, later_s: float
) -> None:
    source = StagedSource()
    async with stage(tmp_path, source=source) as standing:
        device = standing.service.device
        assert device is not None
        now_s = time.time()
        first = asyncio.create_task(device.record(now_s))
        # It waits for its first frame when the second order comes.
        await asyncio.sleep(0)
        assert device.recording is not None
        second = asyncio.create_task(device.record(now_s + later_s))
        await asyncio.sleep(0)
        assert device.recording.target_s == now_s
        source.send()
        assert await first is DeviceStatus.RECORDING
        assert await second is DeviceStatus.RECORDING
        await device.stop()


async def test_device_when_camera_gives_no_frame_then_start_at_once_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_module, "FIRST_FRAME_TIMEOUT_S", 0.1)
    async with stage(tmp_path, source=StagedSource()) as standing:
        client = await standing.client()
        answer = await client.ask("START_RECORDING", timestamp=time.time())
        assert answer["status"] == "error"
        assert "camera 'bed' gives no frame" in answer["message"]
        assert (await client.ask("DEVICE_STATUS"))["status"] == "ready"


async def test_device_when_camera_is_asleep_then_start_wakes_it(tmp_path: Path) -> None:
    async with stage(tmp_path, camera={"on_demand": True}) as standing:
        assert standing.camera.demand.consumers == 0
        client = await standing.client()
        stopped = await recorded(client, standing)
        assert stopped["status"] == "recording_stopped"
        assert standing.camera.demand.consumers == 0


async def test_device_when_disk_is_full_then_recording_ends_and_stop_gives_it(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        device = standing.service.device
        assert device is not None
        client = await standing.client()
        await client.ask("START_RECORDING", timestamp=time.time())
        recording = device.recording
        assert recording is not None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("moonraker_prusacam.disk.DiskGuard.room_bytes", lambda _: -1)
            async with asyncio.timeout(WAIT_S):
                while device.recording is not None:
                    await standing.frame()
        assert (await client.ask("DEVICE_STATUS"))["status"] == "ready"
        stopped = await client.ask("STOP_RECORDING")
        assert stopped["status"] == "recording_stopped"
        path = tmp_path / "bed" / stopped["fileName"]
        await asyncio.to_thread(mp4.check_whole, path)
        assert (await client.ask("STOP_RECORDING"))["status"] == "error"


async def test_device_when_disk_is_full_at_the_begin_then_start_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path) as standing:
        monkeypatch.setattr(
            "moonraker_prusacam.disk.DiskGuard.lacking_for", lambda *_: 5 << 20
        )
        client = await standing.client()
        answer = await client.ask("START_RECORDING", timestamp=time.time())
        assert (answer["status"], answer["isRecording"]) == ("error", False)
        assert answer["message"] == "the disk lacks 5 MiB"
        assert (await client.ask("DEVICE_STATUS"))["status"] == "ready"
    assert list((tmp_path / "bed").iterdir()) == []


async def test_device_when_stopped_at_its_first_frame_then_gives_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    creating, go_on = threading.Event(), threading.Event()
    create = Movie.create

    def slowly(path: Path, first: RingFrame) -> Movie:
        creating.set()
        assert go_on.wait(WAIT_S)
        return create(path, first)

    monkeypatch.setattr(Movie, "create", slowly)
    async with stage(tmp_path) as standing:
        client = await standing.client()
        await client.ask("START_RECORDING", timestamp=time.time() + 0.05)
        assert await asyncio.to_thread(creating.wait, WAIT_S)
        await client.send(command_octets("STOP_RECORDING"))
        other = await standing.client()
        async with asyncio.timeout(WAIT_S):
            while (await other.ask("DEVICE_STATUS"))["status"] != "stopping":
                await standing.frame()
        refused = await other.ask("START_RECORDING", timestamp=time.time())
        assert (refused["status"], refused["isRecording"]) == ("error", True)
        go_on.set()
        stopped = await client.answer()
        assert stopped["status"] == "recording_stopped"
        path = tmp_path / "bed" / stopped["fileName"]
        await asyncio.to_thread(mp4.check_whole, path)


async def test_device_when_camera_breaks_and_is_another_then_recording_goes_on(
    tmp_path: Path,
) -> None:
    begin, broken = asyncio.Event(), asyncio.Event()
    source = StagedSource(begin, PICTURE, broken, SourceUnavailable("unplugged"))
    async with stage(tmp_path, source=source) as standing:
        device = standing.service.device
        assert device is not None
        client = await standing.client()
        await client.send(command_octets("START_RECORDING", timestamp=time.time()))
        begin.set()
        assert (await client.answer())["status"] == "recording"
        source.steps = (jpeg.picture(32, 16),) * 2
        broken.set()
        async with asyncio.timeout(WAIT_S):
            while device.ring.next_number < 3:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
        assert (await client.ask("DEVICE_STATUS"))["status"] == "recording"
        stopped = await client.ask("STOP_RECORDING")
    path = tmp_path / "bed" / stopped["fileName"]
    track = await asyncio.to_thread(mp4.read_track, path)
    assert track.frames == 3
    shown = await asyncio.to_thread(_decoded, path)
    assert shown == 3


async def test_device_when_two_controllers_stop_at_once_then_both_have_the_file(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        one, other = await standing.client(), await standing.client()
        await one.ask("START_RECORDING", timestamp=time.time())
        assert (await other.ask("START_RECORDING", timestamp=0))["isRecording"] is True
        stop = command_octets("STOP_RECORDING")
        await asyncio.gather(one.send(stop), other.send(stop))
        stopped = [await client.answer() for client in (one, other)]
        assert stopped[0]["fileId"] == stopped[1]["fileId"]
        assert {answer["status"] for answer in stopped} == {"recording_stopped"}


async def test_device_when_a_recording_is_removed_then_who_fetches_it_gets_all(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        old = "Prusa-00000000_1000"
        video = os.urandom(24 << 20)
        await asyncio.to_thread((tmp_path / "bed" / f"{old}.mp4").write_bytes, video)
        client, other = await standing.client(), await standing.client()
        await client.send(command_octets("GET_VIDEO", fileId=old))
        length = int.from_bytes(await client.reader.readexactly(4), "big")
        await client.reader.readexactly(length)
        device = standing.service.device
        assert device is not None
        assert await asyncio.to_thread(device.recordings.trim, 0) == [f"{old}.mp4"]
        await recorded(other, standing)  # STOP while it is fetched
        async with asyncio.timeout(WAIT_S):
            assert await client.reader.readexactly(len(video)) == video


async def test_device_when_engine_ends_then_recording_is_final(tmp_path: Path) -> None:
    async with stage(tmp_path) as standing:
        client = await standing.client()
        await client.ask("START_RECORDING", timestamp=time.time())
        await standing.frame()
    (path,) = (tmp_path / "bed").iterdir()
    await asyncio.to_thread(mp4.check_whole, path)


async def test_device_when_storage_is_full_then_oldest_recordings_go(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "bed"
    folder.mkdir()
    old = folder / "Prusa-00000000_1000.mp4"
    old.write_bytes(bytes(16 << 20))
    async with stage(tmp_path, max_storage_mb=16) as standing:
        client = await standing.client()
        stopped = await recorded(client, standing)
        (listed,) = (await client.ask("LIST_FILES"))["files"]
        assert listed["fileName"] == stopped["fileName"]
    assert not old.exists()


def test_recordings_when_they_are_many_then_the_oldest_go_however_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings_module, "MAX_RECORDINGS", 3)
    for number in range(5):
        (tmp_path / f"Prusa-00000000_{1000 + number}.mp4").write_bytes(b"x")
    kept = Recordings(tmp_path, "Prusa-00000000")
    assert kept.trim(1 << 20) == [
        "Prusa-00000000_1001.mp4",
        "Prusa-00000000_1000.mp4",
    ]
    assert len(kept.all()) == 3


async def test_device_when_started_again_then_keeps_its_id(tmp_path: Path) -> None:
    names = set()
    for _ in range(2):
        async with stage(tmp_path) as standing:
            names.add((await (await standing.client()).ask("HEARTBEAT"))["deviceId"])
    assert len(names) == 1


def _decoded(path: Path) -> int:
    """How many pictures ffmpeg shows."""
    show = [str(find_ffmpeg(None)), "-v", "info", "-i", str(path), "-f", "null"]
    done = subprocess.run([*show, "-vsync", "passthrough", "-"], capture_output=True)
    assert done.returncode == 0
    return int(re.findall(rb"frame=\s*(\d+)", done.stderr)[-1])
