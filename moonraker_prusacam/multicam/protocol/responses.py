# What a device answers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers, as objects and as JSON.

What is written is the superset that controllers of every dialect read. Today's take
any answer with a ``message``, even a null one, for an error, and any with ``fileName``
and ``fileSize`` for that of STOP_RECORDING, so a key that says nothing is left out.
"""

from __future__ import annotations

import json
from typing import Any

import attrs

from moonraker_prusacam.errors import (
    MultiCamMalformed,
    MultiCamRefused,
    RecordingNotFound,
    TimeNotSynchronized,
)

from .dialect import Dialect, dialect_of
from .fields import Fields
from .vocabulary import DeviceStatus, status_meant

_RECORDING = frozenset({DeviceStatus.RECORDING, DeviceStatus.STOPPING})


@attrs.frozen
class StatusResponse:
    """The answer to every command but LIST_FILES and a GET_VIDEO that succeeds.

    ``status`` is a word of DeviceStatus whenever there is one for what the device said.
    Of ``fileId`` and ``fileName`` a device of another kind says only one; ``file_key``
    is the one to ask for. What only devices of today say, ``deviceType`` and the like,
    is written as a whole or not at all.
    """

    deviceId: str
    status: str
    timestamp: float
    isRecording: bool = False
    message: str | None = None
    fileId: str | None = None
    fileSize: int | None = None
    fileName: str | None = None
    batteryLevel: float | None = None
    deviceType: str | None = None
    uploadQueue: tuple[dict[str, Any], ...] = ()
    failedUploadQueue: tuple[dict[str, Any], ...] = ()
    dialect: Dialect | None = attrs.field(default=None, eq=False)

    @property
    def file_key(self) -> str | None:
        """What the device calls the recording it speaks of."""
        return self.fileName or self.fileId

    @property
    def _has_todays(self) -> bool:
        said = (self.deviceType, self.batteryLevel)
        queues = (self.uploadQueue, self.failedUploadQueue)
        return any(one is not None for one in said) or any(queues)

    def check(self) -> None:
        """Raise what the status says went wrong: MultiCamRefused, or a kind of it.

        MultiCamMalformed if the status is no word of the protocol.
        """
        said = self.message or f"{self.deviceId or 'the device'} says {self.status}"
        # It goes into logs and onto terminals.
        said = "".join(each if each.isprintable() else "?" for each in said)
        if self.status == DeviceStatus.FILE_NOT_FOUND:
            raise RecordingNotFound(said)
        if self.status == DeviceStatus.TIME_NOT_SYNCHRONIZED:
            raise TimeNotSynchronized(said)
        if DeviceStatus.is_error(self.status):
            raise MultiCamRefused(said, status=self.status)
        if not DeviceStatus.is_success(self.status):
            raise MultiCamMalformed(f"status {self.status!r} is not known")

    @classmethod
    def from_json(cls, json_str: str | bytes | bytearray) -> StatusResponse:
        """Read an answer of any dialect, strictly; raises MultiCamMalformed."""
        return cls.from_fields(Fields.parse(json_str))

    @classmethod
    def from_fields(cls, fields: Fields) -> StatusResponse:
        """``from_json`` of what is parsed already."""
        said = fields.needed_text("status")
        status = status_meant(said)
        is_recording = fields.truth("isRecording")
        message = fields.text("message")
        if message is None and status != said and DeviceStatus.is_error(status):
            message = said
        return cls(
            deviceId=fields.needed_text("deviceId"),
            status=status,
            timestamp=fields.needed_number("timestamp"),
            isRecording=status in _RECORDING if is_recording is None else is_recording,
            message=message,
            fileId=fields.text("fileId"),
            fileSize=fields.size("fileSize"),
            fileName=fields.text("fileName"),
            batteryLevel=fields.number("batteryLevel"),
            deviceType=fields.text("deviceType"),
            uploadQueue=_entries(fields, "uploadQueue"),
            failedUploadQueue=_entries(fields, "failedUploadQueue"),
            dialect=dialect_of(fields),
        )

    def to_json(self) -> str:
        """The answer in the form that controllers of every dialect read."""
        fields: dict[str, object] = {
            "deviceId": self.deviceId,
            "status": self.status,
            "timestamp": self.timestamp,
            "isRecording": self.isRecording,
        }
        if self._has_todays:
            fields["batteryLevel"] = self.batteryLevel
            fields["deviceType"] = self.deviceType
            fields["uploadQueue"] = list(self.uploadQueue)
            fields["failedUploadQueue"] = list(self.failedUploadQueue)
        for key in ("message", "fileId", "fileName", "fileSize"):
            value = getattr(self, key)
            if value is not None:
                fields[key] = value
        return json.dumps(fields, allow_nan=False)


@attrs.frozen
class FileResponse:
    """The header of a recording that follows it octet by octet."""

    deviceId: str
    fileId: str
    fileName: str
    fileSize: int
    status: str = DeviceStatus.READY.value

    @classmethod
    def from_json(cls, json_str: str | bytes | bytearray) -> FileResponse:
        """Read a header of any dialect, strictly; raises MultiCamMalformed."""
        fields = Fields.parse(json_str)
        file_name = fields.needed_text("fileName")
        return cls(
            deviceId=fields.needed_text("deviceId"),
            fileId=fields.text("fileId") or file_name,
            fileName=file_name,
            fileSize=fields.needed_size("fileSize"),
            status=status_meant(fields.text("status") or DeviceStatus.READY),
        )

    def to_json(self) -> str:
        """The header in the form that controllers of every dialect read."""
        return json.dumps(attrs.asdict(self))


@attrs.frozen
class FileMetadata:
    """A recording that a device has; instants are seconds of the epoch.

    Devices of today name no ``fileId``; it is the ``fileName`` then.
    """

    fileId: str
    fileName: str
    fileSize: int
    creationDate: float
    modificationDate: float

    @classmethod
    def from_json(cls, json_str: str | bytes | bytearray) -> FileMetadata:
        """Read one entry of a list, strictly; raises MultiCamMalformed."""
        return cls.from_fields(Fields.parse(json_str))

    @classmethod
    def from_fields(cls, fields: Fields) -> FileMetadata:
        """``from_json`` of what is parsed already."""
        file_name = fields.text("fileName") or fields.needed_text("fileId")
        return cls(
            fileId=fields.text("fileId") or file_name,
            fileName=file_name,
            fileSize=fields.needed_size("fileSize"),
            creationDate=fields.needed_number("creationDate"),
            modificationDate=fields.needed_number("modificationDate"),
        )

    def to_json(self) -> str:
        """The entry as it stands in a list."""
        return json.dumps(attrs.asdict(self), allow_nan=False)


@attrs.frozen
class ListFilesResponse:
    """The answer to LIST_FILES."""

    deviceId: str
    status: str
    timestamp: float
    files: list[FileMetadata] = attrs.Factory(list)

    @classmethod
    def from_json(cls, json_str: str | bytes | bytearray) -> ListFilesResponse:
        """Read a list of any dialect, strictly; raises MultiCamMalformed."""
        return cls.from_fields(Fields.parse(json_str))

    @classmethod
    def from_fields(cls, fields: Fields) -> ListFilesResponse:
        """``from_json`` of what is parsed already."""
        return cls(
            deviceId=fields.needed_text("deviceId"),
            status=status_meant(fields.needed_text("status")),
            timestamp=fields.needed_number("timestamp"),
            files=[FileMetadata.from_fields(one) for one in fields.objects("files")],
        )

    def to_json(self) -> str:
        """The list in the form that controllers of every dialect read."""
        return json.dumps(attrs.asdict(self), allow_nan=False)


def _entries(fields: Fields, key: str) -> tuple[dict[str, Any], ...]:
    return tuple(entry.values for entry in fields.objects(key))
