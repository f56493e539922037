# What cameras and viewers say to each other.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain objects for the messages of the Prusa camera protocol.

None, or an empty text, is what a message does not say. How each is laid out, and which
of its fields a profile has, is the codec's business. ``raw`` is what a message was
decoded from: fields that nobody here knows travel with it when it is encoded again.

A number that is 0 cannot be told from one that is absent (proto3), so none is sent.
"""

from __future__ import annotations

import enum
from typing import final

import attrs

from moonraker_prusacam.secret import Secret

NO_TOKEN = Secret("")


class Switch(enum.IntEnum):
    """What a trigger says: do or enable, stop or disable."""

    ON = 1
    OFF = 2


class Direction(enum.IntEnum):
    """Where a camera with motors turns."""

    LEFT = 1
    RIGHT = 2
    UP = 3
    DOWN = 4


class CameraMode(enum.IntEnum):
    """How a camera sees."""

    AUTO = 1
    DAY = 2
    NIGHT = 3


class VideoQuality(enum.IntEnum):
    """How large a camera's video is."""

    SD = 1
    HD = 2
    FHD = 3


class VideoState(enum.Enum):
    """What became of a timelapse's video; the profiles number these differently."""

    IDLE = "idle"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    FAILED = "failed"


@attrs.frozen(kw_only=True)
class Message:
    """One message; ``raw`` is the octets that it was decoded from, if it was."""

    raw: bytes = attrs.field(default=b"", eq=False, repr=False)


@final
@attrs.frozen(kw_only=True)
class ClientAuthentication(Message):
    """A viewer's first word."""

    camera_token: Secret = NO_TOKEN
    client_type: str = "client"
    jwt: Secret = NO_TOKEN
    fingerprint: str = ""


@final
@attrs.frozen(kw_only=True)
class CameraAuthentication(Message):
    """A camera's first word."""

    camera_token: Secret = NO_TOKEN
    fingerprint: str = ""


@final
@attrs.frozen(kw_only=True)
class Trigger(Message):
    """What a viewer asks a camera to do."""

    get_status: Switch | None = None
    get_features: Switch | None = None
    get_snapshot: Switch | None = None
    snapshots: Switch | None = None
    timelapse: Switch | None = None
    update_firmware: Switch | None = None
    reboot: Switch | None = None
    rtsp_server: Switch | None = None
    get_protocol: Switch | None = None
    make_video: Switch | None = None
    get_files: Switch | None = None
    camera_token: Secret = NO_TOKEN
    request_id: str = ""


@final
@attrs.frozen(kw_only=True)
class Configuration(Message):
    """What a viewer sets; angles in degrees."""

    direction: Direction | None = None
    angle: int | None = None
    light: Switch | None = None
    exposure: int | None = None
    mode: CameraMode | None = None
    snapshot_interval_s: int | None = None
    contrast: int | None = None
    volume: int | None = None
    brightness: int | None = None
    saturation: int | None = None
    job_name: str = ""
    timelapse_interval_s: int | None = None
    timelapse_fps: int | None = None
    quality: VideoQuality | None = None
    camera_token: Secret = NO_TOKEN
    request_id: str = ""


@final
@attrs.frozen(kw_only=True)
class Status(Message):
    """What a camera tells of itself."""

    temperature_c: float | None = None
    uptime_s: int | None = None
    uptime: str = ""
    load: str = ""
    total_ram: int | None = None
    free_ram: int | None = None
    shared_ram: int | None = None
    buffer_ram: int | None = None
    processes: int | None = None
    video: VideoState | None = None
    timelapse: Switch | None = None
    timelapse_interval_s: int | None = None
    wifi_ssid: str = ""
    wifi_mac: str = ""
    wifi_ipv4: str = ""
    wifi_ipv6: str = ""
    wifi_signal: int | None = None
    ethernet_mac: str = ""
    ethernet_ipv4: str = ""
    ethernet_ipv6: str = ""
    firmware: str = ""
    hardware: str = ""
    name: str = ""
    storage: Switch | None = None
    storage_total_mb: int | None = None
    storage_free_mb: int | None = None
    storage_access: str = ""
    rtsp_server: Switch | None = None
    rtsp_url: str = ""
    time_zone: str = ""
    quality: VideoQuality | None = None
    camera_token: Secret = NO_TOKEN
    request_id: str = ""


@final
@attrs.frozen(kw_only=True)
class Features(Message):
    """What a camera can do: by flags, or a JSON array of names with its digest."""

    ptz: bool = False
    infrared: bool = False
    led: bool = False
    audio: bool = False
    sd_card: bool = False
    webrtc: bool = False
    max_quality: VideoQuality | None = None
    names_json: str = ""
    names_md5: str = ""
    firmware: str = ""
    hardware: str = ""
    protocol: str = ""
    camera_token: Secret = NO_TOKEN


@final
@attrs.frozen(kw_only=True)
class ClientTrigger(Message):
    """How a task of a camera goes on; the meaning of its texts is not known."""

    video: VideoState | None = None
    progress_percent: int | None = None
    error_code: int | None = None
    text_1: str = ""
    text_2: str = ""
    text_4: str = ""


class FileState(enum.StrEnum):
    """What a list of files says of each: the firmware's letters."""

    DONE = "D"
    ERROR = "E"
    IN_PROGRESS = "P"
    UNKNOWN = "U"


@attrs.frozen
class TimelapseFile:
    """One row of a list of files."""

    name: str
    state: FileState


@final
@attrs.frozen(kw_only=True)
class FileList(Message):
    """One page of a camera's timelapse files.

    ``page_text`` is ``<page>;<pages>`` on a line of its own, then ``<name>;<letter>``
    on one line each.
    """

    page_text: str = ""
    camera_token: Secret = NO_TOKEN
    request_id: str = ""

    @property
    def page(self) -> tuple[int, int]:
        """Number of this page and of all; (1, 1) where that is not told."""
        head = self.page_text.partition("\n")[0].split(";")
        try:
            number, count = map(int, head)
        except ValueError:
            return 1, 1
        return number, count

    @property
    def files(self) -> tuple[TimelapseFile, ...]:
        """The rows that make sense."""
        rows = (line.rpartition(";") for line in self.page_text.split("\n")[1:])
        known = {str(state): state for state in FileState}
        return tuple(
            TimelapseFile(name, known.get(letter.strip(), FileState.UNKNOWN))
            for name, _, letter in rows
            if name
        )


@final
@attrs.frozen(kw_only=True)
class ProtocolVersion(Message):
    """Which version of the protocol a camera speaks, ``4.4``."""

    version: str = ""
    camera_token: Secret = NO_TOKEN
    request_id: str = ""
