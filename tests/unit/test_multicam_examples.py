# Tests of the library against the examples of the protocol's own one.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs for the protocol's own library run with ours, not a character changed."""

from __future__ import annotations

import asyncio
import random
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moonraker_prusacam import multicam
from moonraker_prusacam.emulator.multicam import VirtualDevice
from tests.support.multicam_device import stage

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[1] / "data" / "multicam_examples.md"
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = FENCE.findall(PAGE.read_text())
# Where the examples look for their device, and for which recording.
ADDRESS = ("192.168.1.100", 8080)
DEVICE_ID, TARGET_S = "device-id", 1729000000.123
KEY = "device-id_1729000000123"
SIZE_BYTES = 300_000
WAIT_S = 10.0
SAID = (
    "Device: device-123\nStatus: ready\nRecording: False\nOperation successful!",
    "Device is ready",
    "Status: recording\nRecording: True",
)


def run_all(names: dict[str, Any]) -> None:
    """Each example in turn, with the names that those before it have left."""
    for number, example in enumerate(EXAMPLES, 1):
        exec(compile(example, f"<example {number}>", "exec"), names)


def lead_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the examples' module be ours, and their device one of this machine."""
    connect = socket.socket.connect

    def redirected(sock: socket.socket, address: Any) -> None:
        connect(sock, ("127.0.0.1", port) if address == ADDRESS else address)

    monkeypatch.setitem(sys.modules, "multicam_common", multicam)
    monkeypatch.setattr(socket.socket, "connect", redirected)


async def run_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Run the examples; the video that they have fetched."""
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {"device_ip": ADDRESS[0]}
    await asyncio.to_thread(run_all, names)
    names["sock"].close()  # which the fifth example leaves open
    return await asyncio.to_thread((folder / "video.mp4").read_bytes)


async def test_examples_when_run_unmodified_then_do_what_they_say(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with VirtualDevice("published", DEVICE_ID) as device:
        recording = device.add(SIZE_BYTES, target_s=TARGET_S)
        lead_to(device.port, monkeypatch)
        video = await run_in(tmp_path, monkeypatch)
        await device.wait_for(lambda: device.open == 0, WAIT_S)

    assert video == b"".join(recording.blocks())
    assert device.commands() == ["HEARTBEAT", "START_RECORDING", "GET_VIDEO"]
    assert device.complaints == []
    said = capsys.readouterr().out
    for line in (*SAID, f"Size: {SIZE_BYTES} bytes\nDownloaded to: video.mp4"):
        assert line in said


async def test_examples_when_run_with_a_camera_of_ours_then_do_the_same(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = random.Random(1).randbytes(SIZE_BYTES)
    async with stage(tmp_path) as standing:
        earlier = tmp_path / "bed" / f"{KEY}.mp4"
        await asyncio.to_thread(earlier.write_bytes, content)
        lead_to(standing.port, monkeypatch)
        video = await run_in(tmp_path, monkeypatch)
        device = standing.service.device
        assert device is not None
        assert device.is_recording

    assert video == content
    said = capsys.readouterr().out
    for line in (*SAID, f"Downloading: {KEY}.mp4", "Downloaded to: video.mp4"):
        assert line in said


def test_first_command_when_shown_then_the_keys_of_the_example() -> None:
    shown = multicam.CommandMessage.start_recording(1729000000.123).to_json()
    assert f"# {shown}" in EXAMPLES[1]


def test_example_page_when_read_then_has_all_seven() -> None:
    assert len(EXAMPLES) == 7
