# Options of recordings together with other devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[multicam]``, ``[multicam_device NAME]`` and ``[multicam_camera NAME]``.

The first is about prints and recordings, the second about a phone or another device
that records with us, the third makes a camera of ours such a device for others.
"""

from __future__ import annotations

import ipaddress
import re
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs

from .networks import Networks
from .networks import networks as listed_networks
from .option import address, boolean, choice, integer, number, option, text
from .section_reader import nearest
from .source_url import NETWORK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .camera_options import CameraConfig
    from .gateway_options import GatewayConfig
    from .ini import Section
    from .section_reader import SectionReader

DEVICE_PORT = 8080
"""What phones listen on (MultiCam PROTOCOL.md); it cannot be changed there."""

OUR_PORT = 8090
"""8080 belongs to streamers on the hosts of printers."""

NOBODY = (
    "has nobody to record with: 'discover' is off, and there is no "
    "[multicam_device NAME] and no [multicam_camera NAME]"
)
KEYS = ("auto", "fileName", "fileId")
HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.?")
BRACKETED = re.compile(r"\[(?P<host>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\](?::(?P<port>.*))?")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_PORT = 65535
MAX_HOST_CHARACTERS = 253


@attrs.frozen
class Address:
    """Where a device listens."""

    host: str
    port: int = DEVICE_PORT

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def device_address(value: str) -> Address:
    """`host`, `host:port` or `[IPv6]:port`; raises ValueError.

    Without a port, the one of phones, 8080.
    """
    written = text(value.strip())
    if bracketed := BRACKETED.fullmatch(written):
        host, port = bracketed["host"], bracketed["port"]
    elif written.count(":") > 1:
        raise ValueError("an IPv6 address stands in brackets: [fe80::1%eth0]:8080")
    else:
        host, colon, rest = written.partition(":")
        port = rest if colon else None
    if not _is_host(host):
        raise ValueError(f"{host[:80]!r} is neither an address nor the name of a host")
    if port is None:
        return Address(host)
    digits = port.lstrip("0")[:6]  # there may be more than int() takes
    if not (digits.isascii() and digits.isdigit() and int(digits) <= MAX_PORT):
        raise ValueError(f"the port is not from 1 to {MAX_PORT}")
    return Address(host, int(digits))


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        is_number = all(part.isdigit() for part in host.rstrip(".").split("."))
        is_name = HOST_NAME.fullmatch(host) and len(host) <= MAX_HOST_CHARACTERS
        return bool(is_name) and not is_number  # 1.2.3 or 300.1.1.1 is a slip
    return True


@attrs.frozen
class MultiCamConfig:
    """``[multicam]``: prints recorded by several devices, all from one instant on."""

    record_prints: bool = option(
        boolean,
        "Start all devices with each print, stop them and collect the videos at its "
        "end; `False` leaves that to macros and commands",
        default=True,
    )
    delay_s: float = option(
        number(0.5, 60),
        "Seconds from the order to the instant at which all begin; it has to be "
        "longer than the slowest device takes to answer",
        default=3.0,
        name="delay",
    )
    discover: bool = option(
        boolean,
        "Take devices that announce themselves in the network (mDNS) as well as those "
        "with a section",
        default=True,
    )
    max_devices: int = option(
        integer(1, 64),
        "Devices at once; more of the announced ones are left out",
        default=16,
    )
    stop_timeout_s: float = option(
        number(1, 600),
        "Seconds that a device may take until its file is final",
        default=75.0,
        name="stop_timeout",
    )
    collect_timeout_s: float = option(
        number(10, 2592000),
        "Seconds after the end for which a device that is away is asked for its video",
        default=3600.0,
        name="collect_timeout",
    )
    parallel: int = option(integer(1, 8), "Downloads at once", default=2)
    max_download_mb: int = option(
        integer(1, 1 << 20), "Larger videos are not taken, in megabytes", default=16384
    )
    encode: bool = option(
        boolean,
        "Make H.264 of the recordings of cameras of ours, which browsers do not play "
        "as they are; after the print, and whenever nobody needs the host",
        default=True,
    )
    video: str = option(
        choice("off", "side_by_side"),
        "One video of all angles, aligned by time: `side_by_side`",
        default="off",
    )
    video_height: int = option(
        integer(240, 2160),
        "Lines of that video; it fits into 16:9 of that height",
        default=720,
    )
    video_fps: int = option(integer(1, 60), "Frames a second of that video", default=15)
    video_names: bool = option(
        boolean, "Write the name of its device on each picture", default=True
    )
    reserve_mb: int = option(
        integer(0, 1 << 20),
        "Megabytes that a download leaves free on the disk; 0: 500, or 5 % "
        "if that is more",
        default=0,
    )


@attrs.frozen
class MultiCamDeviceConfig:
    """``[multicam_device NAME]``: a phone or another device that records with us."""

    name: str
    address: Address = option(
        device_address, "Where the device listens; phones do so on port 8080"
    )
    file_key: str = option(
        choice(*KEYS),
        "What the device calls its files by; `auto` learns it from its answers and "
        "sends both until then",
        default="auto",
    )


@attrs.frozen
class MultiCamCameraConfig:
    """``[multicam_camera NAME]``: camera NAME of ours as a device for others."""

    camera: str
    host: str = option(
        address,
        "Address that controllers connect to; `0.0.0.0` opens it to the network",
        default="127.0.0.1",
    )
    port: int = option(
        integer(0, 65535),
        "Port of this camera, none of which two may have; 0 takes a free one",
        default=OUR_PORT,
    )
    networks: Networks = option(
        listed_networks,
        "Who may record and fetch: addresses, networks, `loopback`, `private`; the "
        "protocol knows no password",
        default=listed_networks("loopback, private"),
    )
    announce: bool = option(
        boolean,
        "Announce the camera in the network (mDNS), where `host` is open to it",
        default=True,
    )
    pre_roll_s: float = option(
        number(0.5, 10),
        "Seconds of frames that are kept, so that a recording can begin at an instant "
        "that is past when its order arrives",
        default=2.0,
        name="pre_roll",
    )
    fps: float = option(
        number(0, 120),
        "Frames a second that are recorded at most; 0: all that the camera gives. "
        "They become fewer where the whole print would not fit",
        default=0.0,
    )
    max_length_s: float = option(
        number(10, 604800),
        "Seconds after which a recording ends by itself",
        default=172800.0,
        name="max_length",
    )
    max_storage_mb: int = option(
        integer(16, 1 << 20),
        "Megabytes of recordings that are kept, the oldest go first; no single one "
        "has more",
        default=8192,
    )
    reserve_mb: int = option(
        integer(0, 1 << 20),
        "Megabytes that a recording leaves free on the disk; 0: 500, or 5 % "
        "if that is more",
        default=0,
    )


@attrs.frozen
class MultiCamSections:
    """All sections about it; ``multicam`` is None where we control nobody."""

    multicam: MultiCamConfig | None = None
    devices: tuple[MultiCamDeviceConfig, ...] = ()
    cameras: tuple[MultiCamCameraConfig, ...] = ()


MULTICAM: dict[str, type[Any]] = {
    "multicam": MultiCamConfig,
    "multicam_device": MultiCamDeviceConfig,
    "multicam_camera": MultiCamCameraConfig,
}


def taken_ports(
    streams: int, gateway: GatewayConfig | None, cameras: Iterable[CameraConfig]
) -> dict[int, str]:
    """Who listens where on this host, as far as the file tells."""
    taken = {
        camera.source.port: f"what [camera {camera.name}] comes from"
        for camera in cameras
        if camera.source.scheme in NETWORK
        and camera.source.port
        and camera.source.host in LOOPBACK
    }
    if gateway is not None:
        taken[gateway.port] = "[gateway]"
    return {**taken, streams: "[engine]"}


def read_multicam(
    sections: Sequence[Section],
    known: Collection[str],
    reader: SectionReader,
    taken: Mapping[int, str],
) -> MultiCamSections:
    """What ``sections`` say; mistakes go to ``reader``.

    ``known`` are the cameras' names, ``taken`` says what listens at which port.
    """
    kinds = {section.kind for section in sections}
    cameras = _read_cameras(sections, known, reader, taken)
    devices = _read_devices(sections, reader, is_controlled="multicam" in kinds)
    multicam: MultiCamConfig | None = None
    for section in sections:
        if section.name == "multicam":
            multicam = reader.build(MultiCamConfig, section)
            has_devices = kinds & {"multicam_device", "multicam_camera"}
            if multicam is not None and not (multicam.discover or has_devices):
                reader.fail(NOBODY, section, "discover")
    return MultiCamSections(multicam, devices, cameras)


def _read_cameras(
    sections: Sequence[Section],
    known: Collection[str],
    reader: SectionReader,
    taken: Mapping[int, str],
) -> tuple[MultiCamCameraConfig, ...]:
    cameras: list[MultiCamCameraConfig] = []
    ports = dict(taken)
    for section in sections:
        kind, name = section.kind, section.title
        if kind != "multicam_camera" or not name:
            continue
        if name not in known:
            reader.fail(f"there is no [camera {name}]{nearest(name, known)}", section)
        camera = reader.build(MultiCamCameraConfig, section, camera=name)
        if camera is None:
            continue
        if camera.port and camera.port in ports:
            free = next(port for port in count(OUR_PORT) if port not in ports)
            words = f"has the port of {ports[camera.port]}: set 'port', as to {free}"
            reader.fail(words, section, "port")
        ports.setdefault(camera.port, f"[{section.name}]")
        cameras.append(camera)
    return tuple(cameras)


def _read_devices(
    sections: Sequence[Section],
    reader: SectionReader,
    *,
    is_controlled: bool,
) -> tuple[MultiCamDeviceConfig, ...]:
    devices: dict[Address, MultiCamDeviceConfig] = {}
    for section in sections:
        kind, name = section.kind, section.title
        if kind != "multicam_device" or not name:
            continue
        if not is_controlled:
            words = "needs a [multicam] section, which tells when it records"
            reader.fail(words, section)
        device = reader.build(MultiCamDeviceConfig, section, name=name)
        if device is not None and device.address in devices:
            other = devices[device.address].name
            words = f"has the address of [multicam_device {other}]"
            reader.fail(words, section, "address")
        elif device is not None:
            devices[device.address] = device
    return tuple(devices.values())
