# The engine: everything put together.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The composition root, to be read from top to bottom.

``Engine`` makes every part from the configuration, starts them in order and closes
them in reverse. It takes nothing global: no signal handlers, no logging, no event
loop; ``run`` adds those for the command line.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from .addresses import base_url, named_hosts
from .bridge import PrinterBridge
from .camera import Camera
from .camera.examination import Examiner
from .camera.intake import IMPLEMENTATION as INTAKE
from .camera.scanner import IMPLEMENTATION as SCANNER
from .camera.sources import Host, open_source
from .connect.prusa_camera import PrusaCamera, viewer_opener
from .control import ControlServer
from .errors import CameraNotFound
from .ffmpeg_program import find_ffmpeg
from .methods import Methods
from .service import Supervisor
from .status import camera_status, headline, hot_path
from .synced_recording import SyncedRecording
from .timelapse import JobState, Timelapse, summary
from .uploads import Uploads
from .version import __version__
from .video import FFmpeg
from .video.poster import make_video_poster
from .viewing import ViewingKey
from .web import Access, StreamPump, WebServer
from .web.pump import IMPLEMENTATION as PUMP

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from .config import Config, PrusaCameraConfig

log = logging.getLogger(__name__)

# Python's few would all wait for name servers while the network is down, each for half
# a minute or more, and frames on their way to the disk behind them.
MAX_THREADS = 64


class Engine:
    """Owner of every camera and of all that consumes frames."""

    def __init__(self, config: Config) -> None:
        self.config = config
        host = Host(config.engine.state_path, config.ffmpeg)
        self.cameras = {
            camera.name: Camera(camera, open_source(camera, host))
            for camera in config.cameras
        }
        self.pump = StreamPump(config.engine.max_viewers)
        self.examiner = Examiner()
        self.viewing: ViewingKey | None = None
        if config.access.require_token:
            self.viewing = ViewingKey(
                config.engine.state_path, self._notifier("camera.event")
            )
        self.web = WebServer(
            config.engine.host,
            config.engine.port,
            list(self.cameras.values()),
            self.pump,
            self.status,
            self.examiner,
            metrics=self.metrics,
            access=Access(
                config.access,
                None if self.viewing is None else self.viewing.tokens,
                named_hosts(config.cameras),
            ),
        )
        self.timelapse: Timelapse | None = None
        if config.timelapse is not None:
            self.timelapse = Timelapse(
                config, self.cameras, self._notifier("timelapse.event")
            )
        self.uploads = Uploads(
            config, self.cameras, self.timelapse, self._notifier("connect.event")
        )
        self.uploaders, self.roles = self.uploads.uploaders, self.uploads.roles
        self.bridge = PrinterBridge(
            config, self.uploads, self._notifier("printer.event")
        )
        self.prusa_cameras = {
            section.name: self._make_prusa_camera(section)
            for section in config.prusa_cameras
        }
        self.multicam = SyncedRecording(
            config,
            self.cameras,
            lambda: self.videos_path,
            self._notifier("multicam.event"),
            self.timelapse,
        )
        self.control = ControlServer(config.engine.socket_path, Methods(self).table)
        self._instance = uuid.uuid4().hex
        self._started = time.monotonic()  # the wall clock jumps on a Raspberry Pi
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all parts, the last started first. Idempotent."""
        await self._stack.aclose()

    async def _start(self) -> None:
        own = self._stack.push_async_callback
        # The control socket first: it is what keeps a second engine away. It is served
        # last, and closed to all first: nobody talks to parts that are not there.
        own(self.control.aclose)
        await self.control.hold()
        if self.viewing is not None:
            own(self.viewing.aclose)
            await self.viewing.start()
        for camera in self.cameras.values():
            own(camera.aclose)
            camera.on_state.append(self._camera_changed)
            camera.start()
        own(self.web.aclose)
        await self.web.start()
        if self.timelapse is not None:
            own(self.timelapse.aclose)
            await self.timelapse.start()
        own(self.uploads.aclose)
        await self.uploads.start()
        own(self.bridge.aclose)
        await self.bridge.start()
        for prusa_camera in self.prusa_cameras.values():
            own(prusa_camera.aclose)
            await prusa_camera.start()
        own(self.multicam.aclose)
        await self.multicam.start()
        own(self.control.stop)
        await self.control.start()
        log.info(
            "prusacam %s: %d camera(s) on http://%s:%d/, hot path: %s",
            __version__,
            len(self.cameras),
            self.config.engine.host,
            self.web.port,
            hot_path(),
        )

    def camera(self, name: str | None) -> Camera:
        """The camera ``name``, else the first one; raises CameraNotFound."""
        if not self.cameras:
            raise CameraNotFound("there is no [camera NAME] in prusacam.conf")
        if name is None:
            return next(iter(self.cameras.values()))
        try:
            return self.cameras[name]
        except KeyError:
            known = ", ".join(self.cameras)
            raise CameraNotFound(f"no camera '{name}'; there is: {known}") from None

    @property
    def identity(self) -> dict[str, Any]:
        """Who this engine is; ``instance`` is new in every process."""
        has_videos = (
            self.timelapse is not None
            or self.prusa_cameras
            or self.multicam.controller is not None
        )
        frames = None if self.timelapse is None else str(self.config.frames_path)
        return {
            "version": __version__,
            "pid": os.getpid(),
            "instance": self._instance,
            "timelapse_path": str(self.videos_path) if has_videos else None,
            "frames_path": frames,
        }

    @property
    def videos_path(self) -> Path:
        """The folder of finished videos, which Moonraker may have chosen."""
        if self.timelapse is not None:
            return self.timelapse.videos_path
        return self.config.videos_path

    @property
    def clients(self) -> list[tuple[str, str]]:
        """Name and version of who is connected to the control socket."""
        return self.control.clients

    @property
    def web_port(self) -> int:
        """The port that viewers connect to."""
        return self.web.port

    @property
    def uptime_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def status(self) -> dict[str, Any]:
        """Everything that a person or a monitor may want to know; no secrets."""
        pump = self.pump.stats
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime_s": round(self.uptime_s, 1),
            "scanner": SCANNER,
            "intake": INTAKE,
            "pump": PUMP,
            "viewers": pump.viewers,
            "max_viewers": self.config.engine.max_viewers,
            "viewers_stalled": pump.stalled,
            "stream_bytes": pump.bytes,
            "cameras": self.describe_cameras(),
            "timelapse": self.timelapse_status(),
            "connect": [uploader.status for uploader in self.uploaders],
            "camera_roles": [
                {"camera": name, **role.report()} for name, role in self.roles.items()
            ],
            "prusa_cameras": [camera.brief() for camera in self.prusa_cameras.values()],
            "printer": self.bridge.brief(),
            "multicam": self.multicam.status(),
        }

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """The status for Prometheus, and its type; ``accept`` is what is asked for."""
        return await asyncio.to_thread(_expose, self.status(), accept)

    def timelapse_status(self) -> dict[str, Any]:
        """The job of now and the newest one that is over."""
        if self.timelapse is None:
            return {"enabled": False, "active": None, "last": None}
        active = self.timelapse.active
        over = [
            job
            for job in self.timelapse.jobs
            if job.record.state is not JobState.RECORDING
        ]
        return {
            "enabled": True,
            "panel": {
                "framecount": self.timelapse.panel.frame_count,
                "lastframefile": self.timelapse.panel.frame_file,
                "rendering": self.timelapse.is_rendering,
            },
            "active": None if active is None else summary(active),
            "last": summary(over[-1]) if over else None,
        }

    def describe_cameras(self) -> list[dict[str, Any]]:
        """Each camera's state, counters and addresses."""
        return [self._describe(camera) for camera in self.cameras.values()]

    def list_cameras(self) -> list[dict[str, Any]]:
        """Like ``describe_cameras``, with addresses that open without any more."""
        listed = self.describe_cameras()
        for camera in listed:
            for page in ("stream_url", "snapshot_url"):
                camera[page] = self.opened(camera[page], camera["name"])
        return listed

    def opened(self, url: str, camera: str) -> str:
        """``url``, which has a query, with the token that ``camera`` takes."""
        if self.viewing is None:
            return url
        return f"{url}&token={self.viewing.tokens.shared(camera)}"

    def _describe(self, camera: Camera) -> dict[str, Any]:
        return {
            **camera_status(camera, self.web.feed(camera)),
            "stream_url": self._address(camera, "stream.mjpg"),
            "snapshot_url": self._address(camera, "snapshot.jpg"),
        }

    def _address(self, camera: Camera, page: str) -> str:
        """Where browsers find ``page``; a placeholder keeps their views alive."""
        base = base_url(self.config.engine, camera.config, self.web.port)
        which = f"camera={quote(camera.name)}&" if len(self.cameras) > 1 else ""
        return f"{base}/{page}?{which}placeholder=1"

    def _make_prusa_camera(self, section: PrusaCameraConfig) -> PrusaCamera:
        return PrusaCamera(
            section,
            self.config.engine.state_path / "prusa_camera" / section.name,
            lambda: self.videos_path,
            viewer_opener(section),
            self._notifier("prusa_camera.event"),
            self._make_preview,
        )

    async def _make_preview(self, video: Path, poster: Path) -> None:
        """The picture beside a video that was not rendered here."""
        program = await asyncio.to_thread(find_ffmpeg, self.config.ffmpeg)
        await make_video_poster(FFmpeg(program), video, poster)

    def _camera_changed(self, camera: Camera) -> None:
        status = camera.status
        self.control.broadcast(
            "camera.event",
            {
                "event": "state",
                "camera": camera.name,
                "state": str(status.state),
                "reason": status.reason,
                "advice": status.advice,
            },
        )

    def _notifier(self, method: str) -> Callable[[dict[str, Any]], None]:
        def notify(params: dict[str, Any]) -> None:
            self.control.broadcast(method, params)

        return notify


def _expose(status: dict[str, Any], accept: str) -> tuple[bytes, str]:
    # Loaded for the first who asks: most hosts have no Prometheus.
    from .metrics import expose

    return expose(status, accept)


async def run(config: Config) -> None:
    """Run an engine until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(MAX_THREADS, "prusacam"))
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    async with Engine(config) as engine:
        supervisor = Supervisor(
            os.environ, lambda: headline(engine.status()), engine.pump.has_turned
        )
        async with supervisor:
            await stop.wait()
            log.info("prusacam stops")
