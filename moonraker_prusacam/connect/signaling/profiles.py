# The two layouts of the Prusa camera protocol.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which field of which protobuf message holds what, in each profile.

``seed`` is the schema as it was reconstructed from Prusa Connect's web page,
``wire`` what captures and a camera's firmware show. Where a profile has no place for a
value, sending it is an error, and what is read leaves it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.pb import camera_v2_pb2 as seed
from moonraker_prusacam.pb import camera_wire_pb2 as wire

from . import messages
from .fields import Choice, Field, Flag, Hidden, Plain, Text, Video
from .messages import (
    CameraMode,
    Direction,
    Switch,
    VideoQuality,
    VideoState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message as Packed

    from .fields import Kind

PLAIN, TEXT, OCTETS, HIDDEN, FLAG = (
    Plain(),
    Text(),
    Text(is_octets=True),
    Hidden(),
    Flag(),
)
SWITCH, DIRECTION, MODE, QUALITY = (
    Choice(Switch),
    Choice(Direction),
    Choice(CameraMode),
    Choice(VideoQuality),
)
SEED_VIDEO = Video(
    {
        1: VideoState.IDLE,
        2: VideoState.IN_PROGRESS,
        3: VideoState.DONE,
        4: VideoState.FAILED,
    }
)
WIRE_VIDEO = Video({1: VideoState.IN_PROGRESS, 2: VideoState.DONE})


@attrs.frozen
class Layout:
    """One message of a profile."""

    packed: type[Packed]
    fields: Mapping[str, Field]


@attrs.frozen
class Profile:
    """All messages of one layout; ``max_bytes`` is the longest that is looked at."""

    name: str
    layouts: Mapping[type[messages.Message], Layout]


def _layout(packed: type[Packed], **fields: tuple[str, Kind]) -> Layout:
    return Layout(packed, {name: Field(*place) for name, place in fields.items()})


def _numbers(names: Mapping[str, str], kind: Kind) -> dict[str, Any]:
    return {ours: (theirs, kind) for ours, theirs in names.items()}


TRIGGERS = {
    "get_status": "get_status",
    "get_features": "get_features",
    "get_snapshot": "get_snapshot",
    "snapshots": "set_snapshot_enable",
    "timelapse": "set_timelapse_enable",
    "update_firmware": "start_fw_update",
    "reboot": "start_device_reboot",
    "rtsp_server": "start_rtsp_server",
    "get_protocol": "get_protocol_information",
    "make_video": "start_timelapse_video",
    "get_files": "get_timelapse_file_list",
}
ADDRESS: dict[str, tuple[str, Kind]] = {
    "camera_token": ("camera_token", HIDDEN),
    "request_id": ("request_id", TEXT),
}
TELEMETRY = {
    "temperature_c": "mcu_temperature",
    "uptime_s": "uptime_raw",
    "total_ram": "total_ram",
    "free_ram": "free_ram",
    "shared_ram": "shared_ram",
    "buffer_ram": "buffer_ram",
    "processes": "procs",
}
CONTROL: dict[str, tuple[str, Kind]] = {
    "direction": ("control.rotation.direction", DIRECTION),
    "angle": ("control.rotation.angle", PLAIN),
    "light": ("control.camera_light", SWITCH),
    "mode": ("control.camera_mode", MODE),
    "snapshot_interval_s": ("control.snapshot_interval", PLAIN),
    "volume": ("control.volume", PLAIN),
    "brightness": ("control.brightness", PLAIN),
    "saturation": ("control.saturation", PLAIN),
    "job_name": ("control.printing_job_name", TEXT),
}


def _telemetry(place: str) -> dict[str, Any]:
    numbers = {ours: f"{place}.{theirs}" for ours, theirs in TELEMETRY.items()}
    texts = {"uptime": f"{place}.uptime", "load": f"{place}.load"}
    return _numbers(numbers, PLAIN) | _numbers(texts, TEXT)


def _network(ssid: Kind) -> dict[str, Any]:
    addresses = {
        f"{interface}_{name}": f"network.{interface}.{name}"
        for interface in ("wifi", "ethernet")
        for name in ("mac", "ipv4", "ipv6")
    }
    return {
        **_numbers(addresses, TEXT),
        "wifi_ssid": ("network.wifi.ssid", ssid),
        "wifi_signal": ("network.wifi.signal_quality", PLAIN),
    }


_SEED_STATUS = _layout(
    seed.CameraToServer,
    **_telemetry("camera_status"),
    **_network(TEXT),
    video=("camera_status.timelapse_video_status", SEED_VIDEO),
    camera_token=("camera_token", HIDDEN),
)

# Not in the seed's schema, which tells of viewers only.
_CAMERA_AUTHENTICATION = _layout(
    wire.CameraAuthentication,
    camera_token=("camera_token", HIDDEN),
    fingerprint=("fingerprint", TEXT),
)

SEED = Profile(
    "seed",
    {
        messages.CameraAuthentication: _CAMERA_AUTHENTICATION,
        messages.ClientAuthentication: _layout(
            seed.ClientAuthentication,
            camera_token=("camera_token", HIDDEN),
            client_type=("client_type", TEXT),
            jwt=("client_jwt_token", HIDDEN),
            fingerprint=("fingerprint", TEXT),
        ),
        messages.Trigger: _layout(
            seed.CameraTrigger, **_numbers(TRIGGERS, SWITCH), **ADDRESS
        ),
        messages.Configuration: _layout(
            seed.ServerToCamera,
            **CONTROL,
            exposure=("control.exposure_time", PLAIN),
            contrast=("control.contrast", PLAIN),
            **ADDRESS,
        ),
        messages.Status: _SEED_STATUS,
        # The schema has no message of its own for it, but says of the state of the
        # video that it is found there, too.
        messages.ClientTrigger: _layout(
            seed.CameraToServer,
            video=("camera_status.timelapse_video_status", SEED_VIDEO),
        ),
        messages.Features: _layout(
            seed.CameraFeatures,
            ptz=("has_ptz", FLAG),
            infrared=("has_ir", FLAG),
            led=("has_led", FLAG),
            audio=("has_audio", FLAG),
            sd_card=("has_sd_card", FLAG),
            webrtc=("has_webrtc", FLAG),
            max_quality=("max_quality", QUALITY),
            firmware=("firmware_version", TEXT),
            camera_token=("camera_token", HIDDEN),
        ),
    },
)

WIRE = Profile(
    "wire",
    {
        messages.CameraAuthentication: _CAMERA_AUTHENTICATION,
        messages.ClientAuthentication: _layout(
            wire.ClientAuthentication,
            camera_token=("camera_token", HIDDEN),
            client_type=("client_type", TEXT),
            jwt=("client_jwt_token", HIDDEN),
        ),
        messages.Trigger: _layout(
            wire.CameraTrigger, **_numbers(TRIGGERS, SWITCH), **ADDRESS
        ),
        messages.Configuration: _layout(
            wire.Configuration,
            **CONTROL,
            timelapse_interval_s=("timelapse_interval", PLAIN),
            timelapse_fps=("timelapse.fps", PLAIN),
            quality=("video.quality", QUALITY),
            **ADDRESS,
        ),
        messages.Status: _layout(
            wire.CameraToServer,
            **_telemetry("telemetry"),
            **_network(OCTETS),
            timelapse=("timelapse.state", SWITCH),
            timelapse_interval_s=("timelapse.interval", PLAIN),
            firmware=("system.firmware_version", TEXT),
            hardware=("system.hardware_version", TEXT),
            name=("system.name", TEXT),
            storage=("system.storage.state", SWITCH),
            storage_total_mb=("system.storage.total_mb", PLAIN),
            storage_free_mb=("system.storage.free_mb", PLAIN),
            storage_access=("system.storage.access", TEXT),
            rtsp_server=("system.rtsp.mode", SWITCH),
            rtsp_url=("system.rtsp.url", TEXT),
            time_zone=("system.time_zone", TEXT),
            quality=("video.quality", QUALITY),
            **ADDRESS,
        ),
        messages.ClientTrigger: _layout(
            wire.ClientTrigger,
            video=("timelapse_video", WIRE_VIDEO),
            progress_percent=("progress", PLAIN),
            error_code=("error_code", PLAIN),
            text_1=("open_1", TEXT),
            text_2=("open_2", TEXT),
            text_4=("open_4", TEXT),
        ),
        messages.Features: _layout(
            wire.CameraFeatures,
            camera_token=("camera_token", HIDDEN),
            firmware=("firmware_version", TEXT),
            hardware=("hardware_version", TEXT),
            protocol=("protocol_version", TEXT),
            names_json=("features", TEXT),
            names_md5=("features_md5", TEXT),
        ),
        messages.FileList: _layout(
            wire.TimelapseFileList, page_text=("page", TEXT), **ADDRESS
        ),
        messages.ProtocolVersion: _layout(
            wire.ProtobufSchemaVersion, version=("version", TEXT), **ADDRESS
        ),
    },
)

PROFILES = {profile.name: profile for profile in (SEED, WIRE)}
