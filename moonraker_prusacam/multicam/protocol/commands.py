# What a controller asks.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands, as objects and as octets."""

from __future__ import annotations

import json
import time

import attrs

from moonraker_prusacam.errors import MultiCamMalformed, MultiCamUnsupported

from .fields import Fields
from .vocabulary import CommandType

CONTROLLER = "controller"
MAX_COMMAND_BYTES = 64 * 1024
MAX_COMMAND_NAME_CHARACTERS = 64


@attrs.frozen
class CommandMessage:
    """A command; ``timestamp`` is when to start, or just when it was sent.

    A recording is named by ``fileId`` to devices of the published interface, and by
    ``fileName`` to those of today. Either kind overlooks the other's, so GET_VIDEO may
    carry both.
    """

    command: CommandType
    timestamp: float
    deviceId: str = CONTROLLER
    fileId: str | None = None
    fileName: str | None = None

    @classmethod
    def start_recording(
        cls, timestamp: float | None = None, device_id: str = CONTROLLER
    ) -> CommandMessage:
        """Start at that instant of the epoch, or at once."""
        return cls._new(CommandType.START_RECORDING, device_id, timestamp)

    @classmethod
    def stop_recording(cls, device_id: str = CONTROLLER) -> CommandMessage:
        """End the recording; the answer names it."""
        return cls._new(CommandType.STOP_RECORDING, device_id)

    @classmethod
    def device_status(cls, device_id: str = CONTROLLER) -> CommandMessage:
        """Ask how the device is."""
        return cls._new(CommandType.DEVICE_STATUS, device_id)

    @classmethod
    def get_video(
        cls,
        file_id: str | None = None,
        device_id: str = CONTROLLER,
        *,
        file_name: str | None = None,
    ) -> CommandMessage:
        """Fetch a recording by its id, its name, or both."""
        if file_id is None and file_name is None:
            raise MultiCamMalformed("GET_VIDEO needs the id or the name of a recording")
        asked = cls._new(CommandType.GET_VIDEO, device_id)
        return attrs.evolve(asked, fileId=file_id, fileName=file_name)

    @classmethod
    def list_files(cls, device_id: str = CONTROLLER) -> CommandMessage:
        """Ask which recordings the device has."""
        return cls._new(CommandType.LIST_FILES, device_id)

    @classmethod
    def heartbeat(cls, device_id: str = CONTROLLER) -> CommandMessage:
        """Ask whether anybody is there."""
        return cls._new(CommandType.HEARTBEAT, device_id)

    @classmethod
    def _new(
        cls, command: CommandType, device_id: str, timestamp: float | None = None
    ) -> CommandMessage:
        # 0 is an instant, too: only None is now.
        instant = time.time() if timestamp is None else timestamp
        return cls(command, instant, device_id)

    def to_json(self) -> str:
        """The command in the form that devices of every dialect understand."""
        fields: dict[str, object] = {
            "command": self.command.value,
            "timestamp": self.timestamp,
            "deviceId": self.deviceId,
            "fileId": self.fileId,
        }
        if self.fileName is not None:
            fields["fileName"] = self.fileName
        return json.dumps(fields, allow_nan=False)

    def to_bytes(self) -> bytes:
        """``to_json`` in UTF-8. Write it at once: devices take one segment for one."""
        return self.to_json().encode()

    @classmethod
    def from_json(cls, json_str: str | bytes | bytearray) -> CommandMessage:
        """Read a command of any dialect, strictly.

        Raises MultiCamMalformed, or MultiCamUnsupported for a command we do not do.
        """
        fields = Fields.parse(json_str)
        command = _command(fields.needed_text("command"))
        if command is CommandType.START_RECORDING:
            timestamp = fields.needed_number("timestamp")
        else:
            timestamp = fields.number("timestamp") or 0.0
        message = cls(
            command=command,
            timestamp=timestamp,
            deviceId=fields.text("deviceId") or "",
            fileId=fields.text("fileId"),
            fileName=fields.text("fileName"),
        )
        if command is CommandType.GET_VIDEO and not (
            message.fileId or message.fileName
        ):
            raise MultiCamMalformed("fileId or fileName is missing")
        return message


def _command(name: str) -> CommandType:
    try:
        return CommandType(name)
    except ValueError:
        shown = name[:MAX_COMMAND_NAME_CHARACTERS]
        raise MultiCamUnsupported(f"{shown} is not supported") from None
