# Tests of the virtual MultiCam devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-ins are as strict as real devices, and have their bad habits."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.emulator.multicam import (
    KINDS,
    Fault,
    FaultKind,
    Recording,
    Shutter,
    VirtualDevice,
)
from moonraker_prusacam.multicam import CommandMessage, CommandType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]
EMULATOR_PAGE = ROOT / "docs" / "emulator.md"
TIMEOUT_S = 10.0
FUTURE_S = 60.0
DEVICES = 32
STATUS = CommandMessage.device_status().to_bytes()
STOP = CommandMessage.stop_recording().to_bytes()


class Peer:
    """A controller that does just what a test tells it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer = reader, writer

    def write(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def said(self) -> bytes:
        """What comes next; nothing if the device has hung up."""
        async with asyncio.timeout(TIMEOUT_S):
            return await self._reader.read(65536)

    async def answer(self, octets: bytes) -> dict[str, Any]:
        self.write(octets)
        return dict(json.loads(await self.said()))


@asynccontextmanager
async def peer_of(device: VirtualDevice) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection(device.host, device.port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()


def start(target_s: float) -> bytes:
    return CommandMessage.start_recording(target_s).to_bytes()


@given(
    fps=st.floats(1, 240),
    error_s=st.floats(-5, 5),
    phase=st.floats(0, 0.999),
    delay_s=st.floats(0, 10),
)
def test_shutter_when_armed_then_the_first_frame_is_within_one_of_the_target(
    fps: float, error_s: float, phase: float, delay_s: float
) -> None:
    shutter = Shutter(fps=fps, clock_error_s=error_s, clock=lambda: 1e6, phase=phase)
    target_s = shutter.now_s() + delay_s
    shutter.arm(target_s)
    seen_s = shutter.first_frame_s() + error_s
    assert -1e-6 <= seen_s - target_s <= 1 / fps + 1e-6


def test_shutter_when_the_target_is_past_then_at_once() -> None:
    shutter = Shutter(clock=lambda: 1e6)
    shutter.arm(5.0)
    assert shutter.is_due
    assert shutter.first_frame_s() >= 1e6 - 1e-6


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 1_000_000])
def test_recording_when_read_then_of_its_size_and_always_the_same(size: int) -> None:
    recording = Recording("k", "k.mp4", size, 0, 0, 0, seed=1)
    octets = b"".join(recording.blocks())
    assert len(octets) == size
    assert octets == b"".join(recording.blocks())
    assert recording.sha256() == hashlib.sha256(octets).hexdigest()


def test_recording_when_blocks_change_places_then_another() -> None:
    first, second, *_ = Recording("k", "k.mp4", 200_000, 0, 0, 0).blocks()
    assert first != second


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("first phone", "Invalid command format"),
        ("published", "error"),
        ("android", "error"),
        ("iphone", None),
        ("oak", b""),
    ],
)
async def test_command_when_in_two_segments_then_each_fails_in_its_way(
    kind: str, outcome: str | bytes | None
) -> None:
    async with VirtualDevice(kind) as device, peer_of(device) as peer:
        peer.write(STATUS[:20])
        await device.wait_for(lambda: bool(device.complaints), TIMEOUT_S)
        if outcome == b"":
            assert await peer.said() == b""
        elif outcome is None:
            assert (await peer.answer(STATUS))["status"] == "ready"
        else:
            assert json.loads(await peer.said())["status"] == outcome
        assert "no command" in device.complaints[0]


async def test_newline_when_in_a_segment_of_its_own_then_android_hangs_up() -> None:
    async with VirtualDevice("android") as device, peer_of(device) as peer:
        assert (await peer.answer(STATUS + b"\n"))["status"] == "ready"
        assert device.complaints == []
        peer.write(b"\n")
        assert await peer.said() == b""
        assert device.complaints == ["white space in a segment of its own"]


async def test_command_when_longer_than_a_segment_then_complained_of() -> None:
    long = CommandMessage.get_video("x" * 5000).to_bytes()
    async with VirtualDevice("android") as device, peer_of(device) as peer:
        peer.write(long)
        assert b'"error"' in await peer.said()  # one for each part of it
        assert "as long as a segment" in device.complaints[0]


async def test_commands_when_pipelined_then_no_command() -> None:
    async with VirtualDevice("published") as device, peer_of(device) as peer:
        assert (await peer.answer(STATUS + STATUS))["status"] == "error"
        assert device.commands() == []


async def test_upload_when_asked_for_then_complained_of() -> None:
    upload = json.dumps({"command": "UPLOAD_TO_CLOUD", "timestamp": 1, "deviceId": "c"})
    async with VirtualDevice("published") as device, peer_of(device) as peer:
        assert (await peer.answer(upload.encode()))["status"] == "error"
        assert device.complaints == ["the command UPLOAD_TO_CLOUD"]


@pytest.mark.parametrize(
    ("kind", "status", "is_armed", "recordings"),
    [
        ("published", "error", False, 0),
        ("iphone", "recording_stopped", False, 1),
        ("android", "recording_stopped", False, 1),
        ("oak", "error", True, 0),
    ],
)
async def test_stop_when_before_the_target_then_each_in_its_way(
    kind: str, status: str, is_armed: bool, recordings: int
) -> None:
    async with VirtualDevice(kind) as device, peer_of(device) as peer:
        await peer.answer(start(time.time() + FUTURE_S))
        assert (await peer.answer(STOP))["status"] == status
        assert device.shutter.is_armed is is_armed
        assert [r.size_bytes for r in device.recordings.values()] == [0] * recordings


async def test_oak_when_it_has_sent_a_file_then_has_it_no_more() -> None:
    async with VirtualDevice("oak") as device:
        recording = device.add(10_000_000)
        get = CommandMessage.get_video(file_name=recording.file_name)
        async with peer_of(device) as peer:
            peer.write(get.to_bytes())
            await peer.said()
        # Nor if the controller has died meanwhile.
        await device.wait_for(lambda: not device.recordings, TIMEOUT_S)


async def test_phone_when_it_starts_again_then_knows_of_no_recording() -> None:
    async with VirtualDevice("android") as device, peer_of(device) as peer:
        device.add()
        assert len((await peer.answer(CommandMessage.list_files().to_bytes()))["files"])
        device.forget()
        answer = await peer.answer(CommandMessage.list_files().to_bytes())
        assert answer["files"] == []


async def test_fault_when_for_one_command_once_then_just_that() -> None:
    fault = Fault(FaultKind.UNKNOWN_STATUS, CommandType.DEVICE_STATUS, times=1)
    async with VirtualDevice() as device, peer_of(device) as peer:
        device.faults = [fault]
        beat = CommandMessage.heartbeat().to_bytes()
        said = [(await peer.answer(o))["status"] for o in (beat, STATUS, STATUS)]
        assert said == ["ready", "on_holiday", "ready"]


async def test_fault_when_late_then_as_late_as_said() -> None:
    async with VirtualDevice() as device, peer_of(device) as peer:
        device.faults = [Fault(FaultKind.LATE, delay_s=0.05)]
        began_s = time.monotonic()
        assert (await peer.answer(STATUS))["status"] == "ready"
        assert time.monotonic() - began_s >= 0.05


async def test_start_when_the_device_only_says_so_then_nothing_records() -> None:
    async with VirtualDevice() as device, peer_of(device) as peer:
        device.faults = [Fault(FaultKind.ONLY_SAYS_SO)]
        assert (await peer.answer(start(time.time())))["status"] == "recording"
        assert (await peer.answer(STATUS))["status"] == "ready"


@pytest.mark.parametrize(
    ("kind", "key"), [("published", "fileId"), ("iphone", "fileName")]
)
async def test_stop_when_its_file_goes_unnamed_or_without_size_then_so(
    kind: str, key: str
) -> None:
    async with VirtualDevice(kind, content=b"abc") as device, peer_of(device) as peer:
        for fault in (FaultKind.NAMELESS_FILE, FaultKind.SIZE_ZERO):
            device.faults = [Fault(fault, CommandType.STOP_RECORDING)]
            await peer.answer(start(0))
            stopped = await peer.answer(STOP)
            assert stopped["status"] == "recording_stopped"
            assert (key in stopped) is (fault is FaultKind.SIZE_ZERO)
            assert stopped["fileSize"] == (0 if key in stopped else 3)


async def test_devices_when_32_of_all_kinds_then_all_record_in_one_process() -> None:
    kinds = [list(KINDS)[at % len(KINDS)] for at in range(DEVICES)]
    async with AsyncExitStack() as stack:
        devices = [
            await stack.enter_async_context(VirtualDevice(kind)) for kind in kinds
        ]
        peers = [await stack.enter_async_context(peer_of(each)) for each in devices]
        await asyncio.gather(*(peer.answer(start(0)) for peer in peers))
        assert all(device.shutter.is_due for device in devices)
        stopped = await asyncio.gather(*(peer.answer(STOP) for peer in peers))
        assert {answer["status"] for answer in stopped} == {
            "recording_stopped",
            "Recording stopped",
        }
        assert len({device.device_id for device in devices}) == DEVICES
        assert all(len(device.recordings) == 1 for device in devices)
        assert all(device.complaints == [] for device in devices)


async def test_device_when_closed_under_a_controller_then_hangs_up() -> None:
    async with VirtualDevice() as device:
        async with peer_of(device) as peer:
            await peer.answer(STATUS)
            await device.aclose()
            assert await peer.said() == b""
        await device.aclose()


@pytest.mark.parametrize("kind", FaultKind)
def test_fault_when_there_is_one_then_the_page_tells_of_it(kind: FaultKind) -> None:
    assert f"`{kind}`" in EMULATOR_PAGE.read_text()


def test_command_when_run_alone_then_its_devices_answer() -> None:
    command = [sys.executable, "-m", "moonraker_prusacam", "emulator", "multicam"]
    options = ["--port", "0", "--count", "2", "--kind", "oak"]
    with subprocess.Popen(
        [*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(2)]
            said = [asyncio.run(_status_at(line)) for line in lines]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_S) == 0
    assert [answer["deviceType"] for answer in said] == ["Oak", "Oak"]
    assert [answer["deviceId"] for answer in said] == [
        line.split()[-1] for line in lines
    ]


async def _status_at(line: str) -> dict[str, Any]:
    """The status of the device that the line is about."""
    found = re.match(r"device: 127\.0\.0\.1:(\d+) ", line)
    assert found, line
    reader, writer = await asyncio.open_connection("127.0.0.1", int(found[1]))
    answer = await Peer(reader, writer).answer(STATUS)
    writer.close()
    await writer.wait_closed()
    return answer
