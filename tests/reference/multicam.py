# The tables of docs/multicam-protocol.md.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each message of MultiCam: written by us and read by others, and the other way round.

Every cell is the outcome of doing it: our octets through the strict readers of
``tests/support/multicam_readers.py``, and answers of virtual devices through ours.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from moonraker_prusacam.emulator.multicam import KINDS, VirtualDevice
from moonraker_prusacam.errors import MultiCamError, MultiCamUnavailable
from moonraker_prusacam.multicam import (
    CommandMessage,
    CommandType,
    FileMetadata,
    FileResponse,
    ListFilesResponse,
    StatusResponse,
)
from moonraker_prusacam.multicam.protocol import AnswerReader
from tests.support.multicam_readers import HEADER_READERS, READERS

from .marked import rewritten

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

D, T = "Prusa-1A2B3C4D", 1729000003.5
KEY = f"{D}_1729000003500"
STATE = "Linux:Klipper"
FUTURE_S = 60.0
SILENCE_S = 0.2
SIZE_BYTES = 100_000
CONTENT = bytes(range(250)) * (SIZE_BYTES // 250)

# What a camera of ours says, and what everybody should take it for.
SAID: dict[str, tuple[str, StatusResponse | ListFilesResponse]] = {
    "DEVICE_STATUS, HEARTBEAT": (
        "status",
        StatusResponse(D, "ready", T, deviceType=STATE),
    ),
    "DEVICE_STATUS while it records": (
        "status",
        StatusResponse(D, "recording", T, True, deviceType=STATE),
    ),
    "START_RECORDING in future": (
        "status",
        StatusResponse(D, "scheduled_recording_accepted", T, deviceType=STATE),
    ),
    "START_RECORDING now, or twice": (
        "status",
        StatusResponse(D, "recording", T, True, deviceType=STATE),
    ),
    "START_RECORDING without a set clock": (
        "error",
        StatusResponse(D, "time_not_synchronized", T, message="the clock is not set"),
    ),
    "STOP_RECORDING": (
        "stopped",
        StatusResponse(
            D,
            "recording_stopped",
            T,
            fileId=KEY,
            fileName=f"{KEY}.mp4",
            fileSize=SIZE_BYTES,
        ),
    ),
    "STOP_RECORDING with nothing to stop": (
        "error",
        StatusResponse(D, "error", T, message="nothing is recorded"),
    ),
    "LIST_FILES": (
        "list",
        ListFilesResponse(
            D, "ready", T, [FileMetadata(KEY, f"{KEY}.mp4", SIZE_BYTES, T, T)]
        ),
    ),
    "GET_VIDEO of what is not there": (
        "error",
        StatusResponse(D, "file_not_found", T, message="no such recording"),
    ),
    "any other command": (
        "error",
        StatusResponse(D, "error", T, message="UPLOAD_TO_CLOUD is not supported"),
    ),
}
HEADER = FileResponse(D, KEY, f"{KEY}.mp4", SIZE_BYTES)


def taken(reader: Callable[[bytes], str], octets: bytes) -> str:
    """What a reader takes octets for, or what it fails with."""
    try:
        return reader(octets)
    except (KeyError, TypeError, ValueError) as error:
        return f"fails: {error!r}"


def written_by_us() -> dict[str, dict[str, str]]:
    """Message by message, what each of the other readers takes it for."""
    found = {
        message: {
            name: taken(reader, answer.to_json().encode())
            for name, reader in READERS.items()
        }
        for message, (_, answer) in SAID.items()
    }
    found["GET_VIDEO"] = {
        name: taken(reader, HEADER.to_json().encode())
        for name, reader in HEADER_READERS.items()
    }
    return found


async def read_by_us() -> dict[str, dict[str, str]]:
    """Message by message, what we read from each kind of device."""
    found: dict[str, dict[str, str]] = {}
    for kind in KINDS:
        for message, outcome in (await _conversation(kind)).items():
            found.setdefault(message, {})[kind] = outcome
    return found


def written(page: str) -> str:
    """``page`` with both tables as they come out now."""
    ours = _table("message of ours", written_by_us())
    theirs = _table("answer of theirs", asyncio.run(read_by_us()))
    page = rewritten(page, "messages written by us", ours)
    return rewritten(page, "messages read by us", theirs)


async def _conversation(kind: str) -> dict[str, str]:
    found: dict[str, str] = {}
    now, later = (
        CommandMessage.start_recording(time.time() + delay_s)
        for delay_s in (-1.0, FUTURE_S)
    )
    async with VirtualDevice(kind, content=CONTENT) as device:

        async def ask(message: str, command: CommandMessage) -> None:
            found[message] = await _outcome(_asked(device, command))

        await ask("DEVICE_STATUS", CommandMessage.device_status())
        await ask("HEARTBEAT", CommandMessage.heartbeat())
        await ask(
            "STOP_RECORDING with nothing to stop", CommandMessage.stop_recording()
        )
        await ask("START_RECORDING in future", later)
        device.shutter.disarm()
        await ask("START_RECORDING now", now)
        await ask("START_RECORDING twice", now)
        await ask("DEVICE_STATUS while it records", CommandMessage.device_status())
        await ask("STOP_RECORDING", CommandMessage.stop_recording())
        await ask("LIST_FILES", CommandMessage.list_files())
        (recording,) = device.recordings.values()
        await ask(
            "GET_VIDEO",
            CommandMessage.get_video(recording.key, file_name=recording.file_name),
        )
        await ask("GET_VIDEO of what is not there", CommandMessage.get_video("none"))
        found["complaints"] = "; ".join(device.complaints) or "none"
    return found


async def _asked(device: VirtualDevice, command: CommandMessage) -> str:
    reader, writer = await asyncio.open_connection(device.host, device.port)
    try:
        writer.write(command.to_bytes())
        answers = AnswerReader(reader)
        if command.command is CommandType.GET_VIDEO:
            header = await answers.file_header(SILENCE_S)
            chunks = [c async for c in answers.chunks(header.fileSize, SILENCE_S)]
            return "header, whole" if b"".join(chunks) == CONTENT else "damaged"
        if command.command is CommandType.LIST_FILES:
            return f"list of {len((await answers.files(SILENCE_S)).files)}"
        status = await answers.status(SILENCE_S)
        named = " with a file" if status.file_key else ""
        return f"`{status.status}`{named}"
    finally:
        writer.close()
        await writer.wait_closed()


async def _outcome(asked: Awaitable[str]) -> str:
    try:
        return await asked
    except MultiCamUnavailable:
        return "silence"
    except MultiCamError as error:
        return type(error).__name__


def _table(title: str, rows: Mapping[str, Mapping[str, str]]) -> str:
    columns = list(next(iter(rows.values())))
    lines = [
        f"| {title} | {' | '.join(columns)} |",
        f"| --- | {' | '.join('---' for _ in columns)} |",
    ]
    for message, cells in rows.items():
        lines.append(f"| {message} | {' | '.join(cells[c] for c in columns)} |")
    return "\n".join(lines)
