# What a device of ours answers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the text of a command to the octets of its answer.

Answers are the superset that controllers of every dialect read. What is refused is told
in words: a controller shows them to its user.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import MultiCamError, MultiCamRefused
from moonraker_prusacam.multicam.protocol import (
    CommandMessage,
    CommandType,
    DeviceStatus,
    FileMetadata,
    FileResponse,
    ListFilesResponse,
    StatusResponse,
)

if TYPE_CHECKING:
    from .device import Device
    from .recordings import Recorded

DEVICE_TYPE = "Linux:Klipper"
"""Shown behind the colon by today's controller."""

MAX_LISTED = 250
"""The newest ones; so a list stays below 64 KiB, which some readers read at once."""

MAX_MESSAGE_CHARACTERS = 400


@attrs.frozen
class Transfer:
    """An answer that a file follows."""

    header: FileResponse
    recorded: Recorded


class Responder:
    """Answers for one device, which is called ``device_id``."""

    def __init__(self, device: Device, device_id: str) -> None:
        self.device = device
        self.device_id = device_id

    async def answer(self, text: bytes, *, is_here: bool = False) -> bytes | Transfer:
        """What ``text``, which should be a command, is answered with.

        ``is_here``: a program of this host asks, which has the same clock.

        Raises nothing but CancelledError: what goes wrong is an answer, too.
        """
        try:
            return await self._answer(CommandMessage.from_json(text), is_here)
        except MultiCamError as error:
            return self.refusal(error)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return self.refusal(MultiCamRefused(f"the disk: {reason}"))

    def refusal(self, error: MultiCamError) -> bytes:
        """An answer that says what went wrong."""
        message = str(error)[:MAX_MESSAGE_CHARACTERS]
        answer = StatusResponse(
            deviceId=self.device_id,
            status=error.device_status,
            timestamp=self.device.now_s(),
            isRecording=self.device.is_recording,
            message=message,
        )
        return answer.to_json().encode()

    async def _answer(self, command: CommandMessage, is_here: bool) -> bytes | Transfer:
        if command.command is CommandType.START_RECORDING:
            status = await self.device.record(command.timestamp, shares_clock=is_here)
            return self._status(status)
        if command.command is CommandType.STOP_RECORDING:
            return self._stopped(await self.device.stop())
        if command.command is CommandType.LIST_FILES:
            return await self._files()
        if command.command is CommandType.GET_VIDEO:
            return await self._video(command)
        return self._status(self.device.status)

    def _status(self, status: DeviceStatus) -> bytes:
        answer = StatusResponse(
            deviceId=self.device_id,
            status=status.value,
            timestamp=self.device.now_s(),
            isRecording=self.device.is_recording,
            deviceType=DEVICE_TYPE,
        )
        return answer.to_json().encode()

    def _stopped(self, recorded: Recorded) -> bytes:
        answer = StatusResponse(
            deviceId=self.device_id,
            status=DeviceStatus.RECORDING_STOPPED.value,
            timestamp=self.device.now_s(),
            isRecording=False,
            fileId=recorded.file_id,
            fileName=recorded.file_name,
            fileSize=recorded.size_bytes,
        )
        return answer.to_json().encode()

    async def _files(self) -> bytes:
        found = await asyncio.to_thread(self.device.recordings.all)
        answer = ListFilesResponse(
            deviceId=self.device_id,
            status=DeviceStatus.READY.value,
            timestamp=self.device.now_s(),
            files=[_metadata(each) for each in found[:MAX_LISTED]],
        )
        return answer.to_json().encode()

    async def _video(self, command: CommandMessage) -> Transfer:
        recorded = await asyncio.to_thread(
            self.device.recordings.find, command.fileId, command.fileName
        )
        header = FileResponse(
            deviceId=self.device_id,
            fileId=recorded.file_id,
            fileName=recorded.file_name,
            fileSize=recorded.size_bytes,
        )
        return Transfer(header, recorded)


def _metadata(recorded: Recorded) -> FileMetadata:
    return FileMetadata(
        fileId=recorded.file_id,
        fileName=recorded.file_name,
        fileSize=recorded.size_bytes,
        creationDate=recorded.begin_s,
        modificationDate=recorded.modified_s,
    )
