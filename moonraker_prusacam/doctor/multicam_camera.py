# A camera of ours as a device of MultiCam.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Its port, who may reach that, and the disk that its recordings go to."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import shutil
import socket
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.networks import networks

from .finding import Finding, State
from .host import MB, existing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moonraker_prusacam.config import Config
    from moonraker_prusacam.multicam_options import MultiCamCameraConfig

    Verdict = tuple[State, str, str | None]

HOME = networks("loopback, private")
CLOSE_IT = (
    "name in 'networks' who may record and fetch, and nobody else: the protocol knows "
    "no password; see docs/security.md"
)


async def examine_multicam_camera(
    config: Config, camera: MultiCamCameraConfig, told: Mapping[str, Any] | None
) -> Sequence[Finding]:
    """``told`` is what the engine says of it, None where none runs."""
    verdicts = (
        await asyncio.to_thread(_judge_port, camera, told),
        judge_openness(camera),
        await asyncio.to_thread(_judge_disk, config, camera, told),
    )
    gravest = [verdict for verdict in verdicts if verdict[0] is not State.OK]
    if gravest:
        return [_finding(camera, verdict) for verdict in gravest]
    words = "; ".join(found for _, found, _ in verdicts)
    return [_finding(camera, (State.OK, words, None))]


def judge_openness(camera: MultiCamCameraConfig) -> Verdict:
    """Who may have it record, and fetch what it recorded."""
    if ipaddress.ip_address(camera.host).is_loopback:
        return State.OK, "only programs on this host reach it", None
    strangers = [
        str(network) for network in camera.networks.members if network.is_global
    ]
    if strangers:
        found = (
            f"{', '.join(strangers)} may record and fetch without a password, and "
            "these are not addresses of a home"
        )
        return State.WARNING, found, CLOSE_IT
    is_home = camera.networks == HOME
    who = "everybody in the home network" if is_home else str(camera.networks)
    return State.OK, f"{who} may record and fetch without a password", None


def _judge_port(
    camera: MultiCamCameraConfig, told: Mapping[str, Any] | None
) -> Verdict:
    section = f"[multicam_camera {camera.camera}]"
    if told is not None:
        if told["state"] == "down":
            found = told["problem"] or "it does not listen yet"
            return State.FAILED, found, f"look at 'host' and 'port' of {section}"
        where = f"listens at {told['host']}, port {told['port']}"
        is_open = not ipaddress.ip_address(camera.host).is_loopback
        if is_open and camera.announce and not told["announced_at"]:
            found = f"{where}, and is not announced in the network"
            remedy = "give controllers its address; look at the host's network"
            return State.WARNING, found, remedy
        return State.OK, where, None
    if not camera.port:
        return State.OK, "takes a free port", None
    version = ipaddress.ip_address(camera.host).version
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        with socket.create_server((camera.host, camera.port), family=family):
            pass
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        found = f"{camera.host}, port {camera.port}: {reason}"
        remedy = f"stop what has the port, or set another 'port' in {section}"
        return State.FAILED, found, remedy
    return State.OK, f"port {camera.port} is free", None


def _judge_disk(
    config: Config, camera: MultiCamCameraConfig, told: Mapping[str, Any] | None
) -> Verdict:
    place = existing(config.engine.state_path / "multicam" / camera.camera)
    usage = shutil.disk_usage(place)
    reserve = DiskGuard(place, camera.reserve_mb * MB).reserve(usage.total)
    room_mb = (usage.free - reserve) // MB
    kept = told["recordings"] if told else None
    wanted_mb = camera.max_storage_mb - (kept["bytes"] // MB if kept else 0)
    if room_mb <= 0:
        found = f"no recording can begin: {place} lacks {-room_mb} MB of the reserve"
        return State.FAILED, found, "make room, or lower reserve_mb of its section"
    if room_mb < wanted_mb:
        found = (
            f"{place} has room for {room_mb} MB more of recordings, and max_storage_mb "
            f"allows {wanted_mb}"
        )
        remedy = "make room, or lower max_storage_mb, so that old ones go in time"
        return State.WARNING, found, remedy
    return State.OK, f"room for {wanted_mb} MB of recordings", None


def _finding(camera: MultiCamCameraConfig, verdict: Verdict) -> Finding:
    state, found, remedy = verdict
    return Finding("multicam_camera", state, found, remedy, camera.camera)
