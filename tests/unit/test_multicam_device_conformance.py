# Tests of a camera of ours under other people's controllers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the device really sends, through readers as strict as the programs out there.

They read once for each answer, so each has to come in one piece.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator.multicam import HOSTILE_FILE_NAMES
from tests.support.multicam_device import (
    ELSEWHERE,
    NOT_SET,
    Client,
    command_octets,
    stage,
)
from tests.support.multicam_readers import HEADER_READERS, ONE_READ_BYTES, READERS

if TYPE_CHECKING:
    from pathlib import Path

FUTURE_S = 60.0
# Every key that today's controllers send, null where they have nothing to say.
TODAYS = dict.fromkeys(
    (
        "uploadUrl",
        "s3Bucket",
        "s3Key",
        "awsAccessKeyId",
        "awsSecretAccessKey",
        "awsSessionToken",
        "awsRegion",
    )
)
DIALECTS: dict[str, dict[str, Any]] = {
    "published interface": {"fileId": None},
    "today's controllers": {"fileName": None, **TODAYS},
}


class OneRead:
    """Asks, and reads a single time."""

    def __init__(self, client: Client, dialect: str) -> None:
        self._client = client
        self._keys = DIALECTS[dialect]

    async def takes(self, command: str, meant: str, **fields: Any) -> dict[str, Any]:
        """The answer, which every reader takes for what is ``meant``."""
        octets = await self.octets(command, **fields)
        for name, reader in READERS.items():
            assert reader(octets) == meant, (name, octets)
        return dict(json.loads(octets))

    async def octets(self, command: str, **fields: Any) -> bytes:
        await self._client.send(command_octets(command, **{**self._keys, **fields}))
        return await self._client.reader.read(ONE_READ_BYTES)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_device_when_asked_in_any_dialect_then_all_readers_agree(
    tmp_path: Path, dialect: str
) -> None:
    async with stage(tmp_path) as standing:
        client = await standing.client()
        ask = OneRead(client, dialect)
        key = "fileId" if dialect == "published interface" else "fileName"
        await ask.takes("DEVICE_STATUS", "status")
        await ask.takes("HEARTBEAT", "status")
        await ask.takes("LIST_FILES", "list")
        await ask.takes("STOP_RECORDING", "error")
        await ask.takes("UPLOAD_TO_CLOUD", "error")
        await ask.takes("START_RECORDING", "status", timestamp=time.time() + FUTURE_S)
        await ask.takes("STOP_RECORDING", "error")
        started = await ask.takes("START_RECORDING", "status", timestamp=time.time())
        assert started["status"] == "recording"
        await standing.frame()
        await ask.takes("START_RECORDING", "status", timestamp=time.time())
        await ask.takes("DEVICE_STATUS", "status")
        stopped = await ask.takes("STOP_RECORDING", "stopped")
        listed = await ask.takes("LIST_FILES", "list")
        assert listed["files"][0][key] == stopped[key]
        header, video = await client.fetch(**{key: stopped[key]})
        for reader in HEADER_READERS.values():
            assert reader(json.dumps(header).encode()) == "header"
        assert len(video) == stopped["fileSize"]


async def test_device_when_its_clock_is_not_set_then_all_readers_see_an_error(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, clock=NOT_SET) as standing:
        ask = OneRead(await standing.client(ELSEWHERE), "today's controllers")
        later_s = time.time() + FUTURE_S
        answer = await ask.takes("START_RECORDING", "error", timestamp=later_s)
        assert answer["status"] == "time_not_synchronized"


@pytest.mark.parametrize("key", ["fileId", "fileName"])
async def test_video_when_asked_by_a_hostile_name_then_an_error_each_time(
    tmp_path: Path, key: str
) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    names = (*HOSTILE_FILE_NAMES, "../secret.mp4", str(tmp_path / "secret.mp4"))
    async with stage(tmp_path) as standing:
        ask = OneRead(await standing.client(), "published interface")
        for name in names:
            answer = await ask.takes("GET_VIDEO", "error", **{key: name})
            expected = "file_not_found" if name else "error"
            assert answer["status"] == expected, name


async def test_list_when_the_folder_is_full_then_every_reader_can_hold_it(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        for number in range(300):
            name = f"Prusa-1A2B3C4D_{1729000000000 + number}.mp4"
            (tmp_path / "bed" / name).write_bytes(b"x")
        client = await standing.client()
        await client.send(command_octets("LIST_FILES"))
        answer = await client.answer()
        assert len(json.dumps(answer)) < ONE_READ_BYTES
        assert len(answer["files"]) == 250
        assert answer["files"][0]["fileId"].endswith("0299")
