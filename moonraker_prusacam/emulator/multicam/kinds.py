# What devices of each kind say.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The published kinds of MultiCam devices: how each spells its answers.

Written down here a second time, apart from the protocol of the engine, so that the two
can be held against each other. The source of each is its own code or documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .recording import Recording

Answer = dict[str, Any]


class Published:
    """The published interface, which no device speaks that is known to have shipped.

    ``records_at_once`` devices record from the command on and cut off what is before
    the target. An answer of None is silence.
    """

    name: ClassVar[str] = "published"
    suffix: ClassVar[str] = ".mp4"
    segment_bytes: ClassVar[int] = 8192
    records_at_once: ClassVar[bool] = False
    deletes_what_it_sent: ClassVar[bool] = False
    finds_by: ClassVar[str] = "fileId"
    hangs_up_on_malformed: ClassVar[bool] = False
    hangs_up_on_space: ClassVar[bool] = False
    starts_after_a_stop_before: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("command", "timestamp", "deviceId")

    def __init__(self, device_id: str) -> None:
        self.device_id = device_id

    def key(self, target_s: float, asked_s: float) -> str:
        """What a recording is called."""
        del asked_s
        return f"{self.device_id}_{round(target_s * 1000)}"

    def status(self, now_s: float, said: str, *, records: bool) -> Answer:
        """How the device is."""
        return {
            "deviceId": self.device_id,
            "status": said,
            "timestamp": now_s,
            "isRecording": records,
        }

    def idle(self, now_s: float) -> Answer:
        """The answer to DEVICE_STATUS when nothing was asked for."""
        return self.status(now_s, "ready", records=False)

    def armed(self, now_s: float) -> Answer:
        """The answer to DEVICE_STATUS before the target."""
        return self.idle(now_s)

    def records(self, now_s: float) -> Answer:
        """The answer to DEVICE_STATUS, and to another START, while it records."""
        return self.status(now_s, "recording", records=True)

    def beat(self, now_s: float, *, records: bool) -> Answer:
        """The answer to HEARTBEAT."""
        return self.status(now_s, "ready", records=records)

    def started(self, now_s: float, *, is_future: bool) -> Answer:
        """The answer to START_RECORDING."""
        said = "scheduled_recording_accepted" if is_future else "recording"
        return self.status(now_s, said, records=not is_future)

    def stopped(self, now_s: float, recording: Recording) -> Answer:
        """The answer to STOP_RECORDING."""
        return {
            **self.status(now_s, "recording_stopped", records=False),
            "message": None,
            "fileId": recording.key,
            "fileSize": recording.size_bytes,
        }

    def stopped_nothing(self, now_s: float) -> Answer | None:
        """The answer to STOP_RECORDING when nothing was asked for."""
        return self.refused(now_s, "error", "No recording in progress")

    def refused(self, now_s: float, said: str, message: str) -> Answer:
        """An error."""
        return {**self.status(now_s, said, records=False), "message": message}

    def not_found(self, now_s: float, key: str) -> Answer:
        """The answer to GET_VIDEO for a file that is not there."""
        return self.refused(now_s, "file_not_found", f"No file {key}")

    def malformed(self, now_s: float) -> Answer | None:
        """The answer to what is no command."""
        return self.refused(now_s, "error", "Invalid command format")

    def unknown(self, now_s: float, command: str) -> Answer | None:
        """The answer to a command that nobody knows."""
        return self.refused(now_s, "error", f"Unknown command: {command}")

    def listed(self, now_s: float, recordings: Iterable[Recording]) -> Answer:
        """The answer to LIST_FILES."""
        return {
            "deviceId": self.device_id,
            "status": "ready",
            "timestamp": now_s,
            "files": [self.entry(recording) for recording in recordings],
        }

    def entry(self, recording: Recording) -> Answer:
        """One recording in a list."""
        return {"fileId": recording.key, **self._entry(recording)}

    def header(self, recording: Recording) -> Answer:
        """What comes before the octets of a recording."""
        return {"fileId": recording.key, **self._header(recording)}

    def _entry(self, recording: Recording) -> Answer:
        return {
            "fileName": recording.file_name,
            "fileSize": recording.size_bytes,
            "creationDate": recording.created_s,
            "modificationDate": recording.created_s,
        }

    def _header(self, recording: Recording) -> Answer:
        return {
            "deviceId": self.device_id,
            "fileName": recording.file_name,
            "fileSize": recording.size_bytes,
            "status": "ready",
        }


class FirstPhone(Published):
    """A phone of the first days: sentences, and null for what it does not say."""

    name = "first phone"
    suffix = ".mov"

    def key(self, target_s: float, asked_s: float) -> str:
        del asked_s
        return f"video_{target_s:.3f}"

    def status(self, now_s: float, said: str, *, records: bool) -> Answer:
        nothing: Answer = {"fileId": None, "fileSize": None}
        return {**super().status(now_s, said, records=records), **nothing}

    def idle(self, now_s: float) -> Answer:
        return self.status(now_s, "Ready", records=False)

    def records(self, now_s: float) -> Answer:
        return self.status(now_s, "Recording already in progress", records=True)

    def beat(self, now_s: float, *, records: bool) -> Answer:
        return self.status(now_s, "Command received", records=records)

    def started(self, now_s: float, *, is_future: bool) -> Answer:
        said = "Scheduled recording accepted" if is_future else "Command received"
        return self.status(now_s, said, records=not is_future)

    def stopped(self, now_s: float, recording: Recording) -> Answer:
        answer = self.status(now_s, "Recording stopped", records=False)
        return {**answer, "fileId": recording.key}

    def refused(self, now_s: float, said: str, message: str) -> Answer:
        sentences = {"file_not_found": "File not found"}
        return self.status(now_s, sentences.get(said, message), records=False)
