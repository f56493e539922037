# The words of the protocol.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands and statuses, and the sentences that the oldest devices say instead."""

from __future__ import annotations

import enum
from typing import Final


class CommandType(enum.StrEnum):
    """What a controller asks of a device.

    Uploads to a cloud, which today's phones know as well, are not among them: nobody
    on a network without passwords should tell a printer where to send its files.
    """

    START_RECORDING = "START_RECORDING"
    STOP_RECORDING = "STOP_RECORDING"
    DEVICE_STATUS = "DEVICE_STATUS"
    GET_VIDEO = "GET_VIDEO"
    HEARTBEAT = "HEARTBEAT"
    LIST_FILES = "LIST_FILES"


class DeviceStatus(enum.StrEnum):
    """How a device is, or what became of a command."""

    READY = "ready"
    RECORDING = "recording"
    STOPPING = "stopping"
    ERROR = "error"
    SCHEDULED_RECORDING_ACCEPTED = "scheduled_recording_accepted"
    RECORDING_STOPPED = "recording_stopped"
    COMMAND_RECEIVED = "command_received"
    TIME_NOT_SYNCHRONIZED = "time_not_synchronized"
    FILE_NOT_FOUND = "file_not_found"
    # Only devices of today say these.
    UPLOADING = "uploading"
    UPLOAD_QUEUED = "upload_queued"
    UPLOAD_COMPLETED = "upload_completed"
    UPLOAD_FAILED = "upload_failed"
    CAMERA_DISCONNECTED = "camera_disconnected"

    @classmethod
    def is_error(cls, status: str) -> bool:
        """Whether a word says that something is wrong; letter case does not matter."""
        return status.lower() in _ERRORS

    @classmethod
    def is_success(cls, status: str) -> bool:
        """Whether a word is known and says that all is well."""
        return status.lower() in _SUCCESSES


_ERRORS: Final = frozenset(
    {
        DeviceStatus.ERROR,
        DeviceStatus.TIME_NOT_SYNCHRONIZED,
        DeviceStatus.FILE_NOT_FOUND,
        DeviceStatus.UPLOAD_FAILED,
        DeviceStatus.CAMERA_DISCONNECTED,
    }
)
_SUCCESSES: Final = frozenset(DeviceStatus) - _ERRORS

# What the first phones say (their network documentation), and what it means. "Already
# in progress" is no error: what START asked for is so.
_SENTENCES: Final = {
    "ready": DeviceStatus.READY,
    "command received": DeviceStatus.COMMAND_RECEIVED,
    "scheduled recording accepted": DeviceStatus.SCHEDULED_RECORDING_ACCEPTED,
    "recording stopped": DeviceStatus.RECORDING_STOPPED,
    "recording already in progress": DeviceStatus.RECORDING,
    "file not found": DeviceStatus.FILE_NOT_FOUND,
    "no recording in progress": DeviceStatus.ERROR,
    "invalid command format": DeviceStatus.ERROR,
    "device not ready": DeviceStatus.ERROR,
}


def status_meant(said: str) -> str:
    """The protocol's word for what a device of any age says; else what it says."""
    folded = said.strip().lower()
    if folded in frozenset(DeviceStatus):
        return folded
    return _SENTENCES.get(folded, said)


def is_sentence(said: str) -> bool:
    """Whether only the oldest devices say it like this."""
    folded = said.strip().lower()
    return folded in _SENTENCES and said.strip() != folded
