# What the virtual Prusa camera tells of itself.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds its messages, with as much as the profile has a place for."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.connect.signaling.messages import (
    ClientTrigger,
    Features,
    FileList,
    ProtocolVersion,
    Status,
    Switch,
    VideoQuality,
    VideoState,
)

from .timelapse import VIDEO_STATES, Phase

if TYPE_CHECKING:
    from moonraker_prusacam.secret import Secret

    from .settings import Settings
    from .timelapse import Timelapse, Trouble

NAME = "Virtual Prusa camera"
HARDWARE = "virtual"
PROTOCOL = "4.4"  # seen
# Names that were seen, of what works here.
FEATURES = (
    "SocketCom",
    "UploadInterval",
    "TimelapseEn",
    "TimelapseInterval",
    "TimelapseVideoMake",
    "TimelapseFileList",
    "RtspStream",
    "GetSnapshot",
    "IrMode",
    "SpeakerVolume",
    "WiFi",
    "FwVer",
    "HwVer",
    "CameraName",
    "MicroSd",
    "FwUpdate",
    "CameraReboot",
    "McuTemp",
    "VideoQuality",
    "RotationX",
    "RotationZ",
)
TOTAL_MB = 30436
MB = 1 << 20
RTSP_URL = "rtsp://127.0.0.1/live"  # of no server
TEMPERATURE_C = 41.5
RAM_BYTES = 58 * MB


@attrs.frozen
class Answers:
    """The messages of one camera, in one profile."""

    profile: str
    token: Secret

    def status(
        self,
        settings: Settings,
        timelapse: Timelapse,
        firmware: str,
        uptime_s: float,
        request_id: str,
    ) -> Status:
        """How it is."""
        load = " ".join(f"{share:.2f}" for share in os.getloadavg())
        common = Status(
            temperature_c=TEMPERATURE_C,
            uptime_s=round(uptime_s) or None,
            uptime=str(timedelta(seconds=round(uptime_s))),
            load=load,
            total_ram=RAM_BYTES,
            free_ram=RAM_BYTES // 3,
            processes=len(timelapse.frames) + 60,
            wifi_ssid="virtual",
            wifi_mac="02:00:00:00:00:01",
            wifi_ipv4="127.0.0.1",
            wifi_signal=80,
            camera_token=self.token,
        )
        if self.profile == "seed":
            return attrs.evolve(common, video=timelapse.video_state)
        used_mb = 1 + sum(len(file.video) for file in timelapse.files.values()) // MB
        has_storage = timelapse.has_storage
        return attrs.evolve(
            common,
            timelapse=_switch(timelapse.enabled),
            timelapse_interval_s=settings.timelapse_interval_s,
            firmware=firmware,
            hardware=HARDWARE,
            name=NAME,
            storage=_switch(has_storage),
            storage_total_mb=TOTAL_MB if has_storage else None,
            storage_free_mb=TOTAL_MB - used_mb if has_storage else None,
            storage_access="RW" if has_storage else "UNKNOWN",
            rtsp_server=_switch(settings.rtsp_server),
            rtsp_url=RTSP_URL if settings.rtsp_server else "",
            time_zone="UTC",
            quality=settings.quality,
            request_id=request_id,
        )

    def features(self, firmware: str) -> Features:
        """What it can do."""
        if self.profile == "seed":
            return Features(
                ptz=True,
                infrared=True,
                led=True,
                sd_card=True,
                max_quality=VideoQuality.FHD,
                firmware=firmware,
                camera_token=self.token,
            )
        names = json.dumps(FEATURES)
        digest = hashlib.md5(names.encode(), usedforsecurity=False).hexdigest()
        return Features(
            names_json=names,
            names_md5=digest,
            firmware=firmware,
            hardware=HARDWARE,
            protocol=PROTOCOL,
            camera_token=self.token,
        )

    def protocol(self, request_id: str) -> ProtocolVersion:
        """Which version it speaks."""
        return ProtocolVersion(
            version=PROTOCOL, camera_token=self.token, request_id=request_id
        )

    def files(self, page: str, request_id: str) -> FileList:
        """A page of its files."""
        return FileList(page_text=page, camera_token=self.token, request_id=request_id)

    def progress(
        self, phase: Phase, percent: int, trouble: Trouble | None
    ) -> ClientTrigger:
        """How the video goes on.

        ``seed`` has a number for each state; ``wire`` only for "in progress" and
        "done", and tells of trouble by its number alone.
        """
        if self.profile == "seed":
            return ClientTrigger(video=VIDEO_STATES[phase])
        if trouble is not None:
            return ClientTrigger(error_code=int(trouble))
        done = phase is Phase.DONE
        return ClientTrigger(
            video=VideoState.DONE if done else VideoState.IN_PROGRESS,
            progress_percent=percent or None,
        )


def _switch(on: bool) -> Switch:
    return Switch.ON if on else Switch.OFF
