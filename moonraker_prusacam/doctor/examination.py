# What the doctor looks at.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of checks, over an engine that runs, or over a configuration alone.

Without an engine the cameras are opened for as long as the checks take; an upload uses
the identity that is on disk, and makes none: whoever makes it owns it, and root's would
be closed to the engine.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from moonraker_prusacam.camera import Camera
from moonraker_prusacam.camera.sources import Host, open_source
from moonraker_prusacam.connect.api import ConnectApi
from moonraker_prusacam.connect.identity import (
    fingerprint_path,
    load_or_create_fingerprint,
)
from moonraker_prusacam.connect.picture import Shape, prepare
from moonraker_prusacam.connect.printer.identity import (
    camera_token_path,
    load_token,
    printer_path,
)
from moonraker_prusacam.errors import ConfigError

from .camera import FRAME_TIMEOUT_S, examine_camera, fresh_frame
from .engine import examine_configuration, examine_engine
from .finding import Finding, State
from .host import examine_disks, examine_ffmpeg
from .identity import examine_fingerprint, examine_token
from .moonraker import Client, examine_moonraker
from .multicam import multicam_checks
from .network import Server, examine_clock, examine_dns, examine_tls
from .printer import examine_printer, examine_vouched_token
from .proxy import examine_proxy
from .runner import Check, run_checks
from .signaling import examine_prusa_camera, examine_role
from .upload import examine_upload, tell_uploads
from .webcam import examine_webcam

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from moonraker_prusacam.config import Config, ConnectConfig
    from moonraker_prusacam.connect.prusa_camera import PrusaCamera
    from moonraker_prusacam.connect.signaling.camera_role import CameraRole
    from moonraker_prusacam.connect.uploader import SnapshotUploader
    from moonraker_prusacam.secret import Secret

    Examine = Callable[[], Awaitable[Sequence[Finding]]]

FILE_TIMEOUT_S = 5.0
NETWORK_TIMEOUT_S = 10.0
CAMERA_TIMEOUT_S = FRAME_TIMEOUT_S + 2.0
UPLOAD_TIMEOUT_S = 45.0  # the gap, a frame, and an exchange with a slow server
FFMPEG_TIMEOUT_S = 15.0
MOONRAKER_TIMEOUT_S = 10.0
WEBCAM_TIMEOUT_S = 15.0

DRY_RUN = Finding("upload", State.SKIPPED, "as asked (dry run)")
NO_CONNECT = Finding("upload", State.SKIPPED, "Prusa Connect is not configured")
NO_ENGINE = Finding("webcam", State.SKIPPED, "needs the engine")


class Bridge(Protocol):
    """What the doctor needs of the printer bridge."""

    def report(self) -> dict[str, Any]:
        """How the printer stands."""


class Synced(Protocol):
    """What the doctor needs of recordings by several devices."""

    def status(self) -> dict[str, Any]:
        """How all of it stands."""


class RunningEngine(Protocol):
    """What the doctor needs of an engine."""

    config: Config
    cameras: dict[str, Camera]
    uploaders: list[SnapshotUploader]
    roles: dict[str, CameraRole]
    prusa_cameras: dict[str, PrusaCamera]

    @property
    def bridge(self) -> Bridge:
        """The printer in Prusa Connect."""

    @property
    def multicam(self) -> Synced:
        """Recordings by several devices."""

    @property
    def clients(self) -> Sequence[tuple[str, str]]:
        """Who is connected to the control socket: name and version."""

    @property
    def web_port(self) -> int:
        """The port that viewers connect to."""

    @property
    def uptime_s(self) -> float:
        """Since when it runs."""

    def list_cameras(self) -> list[dict[str, Any]]:
        """The entries of ``camera.list``."""


@attrs.frozen
class Options:
    """What whoever asks may choose."""

    dry_run: bool = False
    ui_url: str | None = None


async def examine_running(engine: RunningEngine, options: Options) -> list[Finding]:
    """Look at an engine, from inside, and at what is around it."""
    config, clients = engine.config, [Client(*client) for client in engine.clients]
    uploads: dict[str, Examine] = {}
    for uploader in engine.uploaders:
        name = uploader.camera.name
        if options.dry_run:
            uploads[name] = partial(tell_uploads, name, uploader.status)
        else:
            uploads[name] = partial(
                examine_upload,
                name,
                partial(_upload_through, engine.cameras[name], uploader),
            )
    listed = engine.list_cameras()
    return await run_checks(
        [
            Check("engine", FILE_TIMEOUT_S, partial(examine_engine, engine.uptime_s)),
            *_checks(config, engine.cameras, uploads, clients, listed),
            *_session_checks(
                config,
                {name: camera.brief() for name, camera in engine.prusa_cameras.items()},
                {name: role.report() for name, role in engine.roles.items()},
            ),
            *_printer_checks(config, engine.bridge.report()),
            *multicam_checks(config, engine.multicam.status()),
            *(
                Check(
                    "webcam",
                    WEBCAM_TIMEOUT_S,
                    partial(examine_webcam, camera, options.ui_url, engine.web_port),
                    str(camera["name"]),
                )
                for camera in listed
            ),
            *_proxy_checks(config, options, listed),
        ]
    )


async def examine_without_engine(
    config: Config, options: Options, absence: Finding, *, is_held: bool
) -> list[Finding]:
    """Look at what a configuration leads to; ``absence`` tells why there is no engine.

    ``is_held``: something holds the control socket, and perhaps the cameras.
    """
    async with AsyncExitStack() as stack:
        cameras = {}
        host = Host(config.engine.state_path, config.ffmpeg)
        for camera_config in () if is_held else config.cameras:
            source = open_source(camera_config, host)
            camera = Camera(camera_config, source)
            stack.push_async_callback(camera.aclose)
            camera.start()
            cameras[camera.name] = camera
        uploads: dict[str, Examine] = {}
        for connect in config.connect:
            name = connect.camera
            if options.dry_run:
                told = Finding(
                    "upload", State.SKIPPED, "as asked (dry run)", None, name
                )
                uploads[name] = partial(_tell, told)
            elif name in cameras:
                uploads[name] = partial(
                    examine_upload,
                    name,
                    partial(_upload, config, connect, cameras[name]),
                )
        checks = _checks(config, cameras, uploads, None, ())
        checks += _session_checks(config, {}, {})
        checks += _printer_checks(config, None)
        checks += multicam_checks(config, None)
        return [absence, *await run_checks(checks), NO_ENGINE]


def _checks(
    config: Config,
    cameras: Mapping[str, Camera],
    uploads: Mapping[str, Examine],
    clients: Sequence[Client] | None,
    listed: Sequence[Mapping[str, Any]],
) -> list[Check]:
    """All that is looked at with and without an engine."""
    return [
        Check("configuration", FILE_TIMEOUT_S, partial(examine_configuration, config)),
        Check("disk", FILE_TIMEOUT_S, partial(examine_disks, config)),
        Check("ffmpeg", FFMPEG_TIMEOUT_S, partial(examine_ffmpeg, config)),
        *(
            Check("camera", CAMERA_TIMEOUT_S, partial(examine_camera, camera), name)
            for name, camera in cameras.items()
        ),
        *_connect_checks(config, uploads),
        Check(
            "moonraker",
            MOONRAKER_TIMEOUT_S,
            partial(examine_moonraker, config, clients, listed),
        ),
    ]


def _proxy_checks(
    config: Config, options: Options, listed: Sequence[Mapping[str, Any]]
) -> list[Check]:
    """Whom it matters to be believed: networks, by what a proxy says."""
    proxies = config.access.trusted_proxies
    if not (listed and proxies and config.access.trusted_networks):
        return []
    look = partial(examine_proxy, listed[0], options.ui_url, proxies)
    return [Check("proxy", WEBCAM_TIMEOUT_S, look)]


def _connect_checks(config: Config, uploads: Mapping[str, Examine]) -> list[Check]:
    addresses = [connect.server for connect in config.connect]
    if config.printer is not None and config.printer.consent:
        addresses.append(config.printer.server)
    servers = dict.fromkeys(map(Server.parse, addresses))
    checks = (
        []
        if config.connect
        else [Check("upload", FILE_TIMEOUT_S, partial(_tell, NO_CONNECT))]
    )
    checks += [
        Check(name, NETWORK_TIMEOUT_S, partial(examine, server), server.host)
        for server in servers
        for name, examine in (
            ("dns", examine_dns),
            ("tls", examine_tls),
            ("clock", examine_clock),
        )
    ]
    for connect in config.connect:
        name = connect.camera
        look_at_token = examine_vouched_token
        if connect.token is not None:
            look_at_token = examine_token
        for title, look in (
            ("token", look_at_token),
            ("fingerprint", examine_fingerprint),
        ):
            checks.append(
                Check(title, FILE_TIMEOUT_S, partial(look, config, connect), name)
            )
        if name in uploads:
            checks.append(Check("upload", UPLOAD_TIMEOUT_S, uploads[name], name))
    return checks


def _session_checks(
    config: Config,
    briefs: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Mapping[str, Any]],
) -> list[Check]:
    """The sessions with the signalling server."""
    return [
        *(
            Check(
                "prusa_camera",
                FILE_TIMEOUT_S,
                partial(examine_prusa_camera, camera, briefs.get(camera.name)),
                camera.name,
            )
            for camera in config.prusa_cameras
        ),
        *(
            Check("role", FILE_TIMEOUT_S, partial(examine_role, name, report), name)
            for name, report in roles.items()
        ),
    ]


def _printer_checks(config: Config, report: Mapping[str, Any] | None) -> list[Check]:
    if config.printer is None:
        return []
    look = partial(examine_printer, config, report)
    return [Check("printer", FILE_TIMEOUT_S, look)]


async def _upload_through(camera: Camera, uploader: SnapshotUploader) -> None:
    await fresh_frame(camera)  # without one there is nothing to try
    await uploader.upload()


async def _upload(config: Config, connect: ConnectConfig, camera: Camera) -> None:
    """Send the newest frame as the camera's own uploader would."""
    path = fingerprint_path(config.engine.state_path, connect.camera)
    if not await asyncio.to_thread(path.exists):
        raise ConfigError("there is no fingerprint yet")
    fingerprint = await asyncio.to_thread(load_or_create_fingerprint, path)
    token = connect.token
    if token is None:
        token = await asyncio.to_thread(_vouched_token, config, connect)
    frame = await fresh_frame(camera)
    api = ConnectApi(connect.server, token, fingerprint)
    try:
        shape = Shape.of(connect, camera.config)
        picture = await asyncio.to_thread(prepare, frame.data, shape, smaller=False)
        await api.put_snapshot(picture.data)
    finally:
        await api.aclose()


def _vouched_token(config: Config, connect: ConnectConfig) -> Secret:
    """What the camera got through the printer; raises ConfigError."""
    folder = printer_path(config.engine.state_path)
    token = load_token(camera_token_path(folder, connect.camera))
    if token is None:
        raise ConfigError("there is no token yet")
    return token


async def _tell(finding: Finding) -> Sequence[Finding]:
    return [finding]
