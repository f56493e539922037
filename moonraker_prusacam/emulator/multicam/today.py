# What the phones and cameras of today say.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that ship now: files by name, no ``isRecording``, each with its own ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kinds import Answer, FirstPhone, Published

if TYPE_CHECKING:
    from .recording import Recording


class Today(Published):
    """What the devices of today have in common."""

    finds_by = "fileName"
    device_type = "Phone"
    battery: float | None = 80.0

    def status(self, now_s: float, said: str, *, records: bool) -> Answer:
        del records
        return {
            "deviceId": self.device_id,
            "status": said,
            "timestamp": now_s,
            "batteryLevel": self.battery,
            "deviceType": self.device_type,
            "uploadQueue": [],
            "failedUploadQueue": [],
        }

    def stopped(self, now_s: float, recording: Recording) -> Answer:
        return {
            "deviceId": self.device_id,
            "status": "recording_stopped",
            "timestamp": now_s,
            "fileName": recording.file_name,
            "fileSize": recording.size_bytes,
        }

    def refused(self, now_s: float, said: str, message: str) -> Answer:
        return {
            "deviceId": self.device_id,
            "status": said,
            "timestamp": now_s,
            "message": message,
        }

    def entry(self, recording: Recording) -> Answer:
        return self._entry(recording)

    def header(self, recording: Recording) -> Answer:
        return self._header(recording)


class IPhone(Today):
    """Silent when it has nothing to stop, and when it does not understand."""

    name = "iphone"
    suffix = ".mov"
    records_at_once = True
    device_type = "iOS:iPhone"

    def beat(self, now_s: float, *, records: bool) -> Answer:
        return self.status(now_s, "recording" if records else "ready", records=records)

    def armed(self, now_s: float) -> Answer:
        return self.records(now_s)

    def started(self, now_s: float, *, is_future: bool) -> Answer:
        del is_future
        return self.status(now_s, "scheduled_recording_accepted", records=True)

    def stopped_nothing(self, now_s: float) -> Answer | None:
        del now_s
        return None

    def not_found(self, now_s: float, key: str) -> Answer:
        return self.refused(now_s, "error", f"Requested file not found: {key}")

    def malformed(self, now_s: float) -> Answer | None:
        del now_s
        return None

    def unknown(self, now_s: float, command: str) -> Answer | None:
        del now_s, command
        return None


class Android(Today):
    """Says no with a status alone, and hangs up on white space alone."""

    name = "android"
    segment_bytes = 4096
    records_at_once = True
    hangs_up_on_space = True
    device_type = "Android:Quest"
    needs = ("command",)

    def key(self, target_s: float, asked_s: float) -> str:
        del target_s
        return f"{self.device_id}_{round(asked_s * 1000)}"

    def armed(self, now_s: float) -> Answer:
        return self.records(now_s)

    def beat(self, now_s: float, *, records: bool) -> Answer:
        return self.status(now_s, "command_received", records=records)

    def started(self, now_s: float, *, is_future: bool) -> Answer:
        del is_future
        return self.status(now_s, "scheduled_recording_accepted", records=True)

    def stopped_nothing(self, now_s: float) -> Answer | None:
        return {
            "deviceId": self.device_id,
            "status": "error",
            "timestamp": now_s,
            "fileSize": 0,
        }

    def refused(self, now_s: float, said: str, message: str) -> Answer:
        del message
        return self.status(now_s, said, records=False)


class Oak(Today):
    """A camera at a computer: waits for its target, and does not let go of it.

    It names a size before there is a file, and deletes what it has sent.
    """

    name = "oak"
    suffix = ".zip"
    deletes_what_it_sent = True
    hangs_up_on_malformed = True
    starts_after_a_stop_before = True
    device_type = "Oak"
    battery = None

    def key(self, target_s: float, asked_s: float) -> str:
        del asked_s
        return f"video_{int(target_s)}"

    def beat(self, now_s: float, *, records: bool) -> Answer:
        return self.status(now_s, "command_received", records=records)

    def started(self, now_s: float, *, is_future: bool) -> Answer:
        said = "scheduled_recording_accepted" if is_future else "command_received"
        return self.status(now_s, said, records=not is_future)

    def stopped(self, now_s: float, recording: Recording) -> Answer:
        return {**super().stopped(now_s, recording), "fileSize": 0}

    def stopped_nothing(self, now_s: float) -> Answer | None:
        return self.refused(now_s, "error", "Not currently recording")

    def not_found(self, now_s: float, key: str) -> Answer:
        return self.refused(now_s, "error", f"Failed to finalize video: {key}")


KINDS: dict[str, type[Published]] = {
    kind.name: kind for kind in (FirstPhone, Published, IPhone, Android, Oak)
}
