# What the control socket can do.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of JSON-RPC methods: parameters in, the engine's parts called, dicts out.

docs/api.md describes each. Parameters come from other processes and are checked
here, where their names are known.
"""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING, Any

from .camera_methods import CameraMethods
from .control.protocol import INVALID_PARAMS
from .doctor.method import DoctorMethod
from .errors import PrusacamError, RpcError, TimelapseError
from .multicam_methods import MultiCamMethods
from .print_job import parse_print_event
from .printer_methods import PrinterMethods
from .prusa_camera_methods import PrusaCameraMethods
from .signals import parse_options
from .timelapse import summary
from .video_methods import VideoMethods

if TYPE_CHECKING:
    from .app import Engine
    from .connect.uploader import SnapshotUploader
    from .control.peer import Handler

MAX_SNAPSHOT_BYTES = 5 << 20  # in base64 it still fits into one reply
DEFAULT_CYCLE_S = 30.0
MAX_CYCLE_S = 86400.0
UPLOAD_TIMEOUT_S = 40.0
WAKE_TIMEOUT_S = 3.0  # less than Moonraker's component waits


class Methods:
    """Handlers over an engine, by the name of their method."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def table(self) -> dict[str, Handler]:
        """All methods by name."""
        return {
            "engine.identify": self.identify,
            "engine.status": self.status,
            "engine.revoke_tokens": self.revoke_tokens,
            "engine.doctor": DoctorMethod(self._engine),
            "job.event": self.job_event,
            "camera.list": self.camera_list,
            "camera.snapshot": self.camera_snapshot,
            "timelapse.start": self.timelapse_start,
            "timelapse.frame": self.timelapse_frame,
            "timelapse.configure": self.timelapse_configure,
            "timelapse.hyperlapse": self.timelapse_hyperlapse,
            "timelapse.saveframes": self.timelapse_saveframes,
            "timelapse.status": self.timelapse_status,
            "timelapse.list": self.timelapse_list,
            "connect.upload": self.connect_upload,
            "connect.status": self.connect_status,
            **CameraMethods(self._engine).table,
            **VideoMethods(self._engine).table,
            **PrusaCameraMethods(self._engine).table,
            **MultiCamMethods(self._engine).table,
            **PrinterMethods(self._engine).table,
        }

    async def identify(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Who the engine is."""
        return self._engine.identity

    async def status(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Everything that ``/status.json`` shows."""
        return self._engine.status()

    async def revoke_tokens(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Make all viewing tokens void, and end the streams that they opened."""
        viewing = self._engine.viewing
        if viewing is not None:
            await viewing.revoke()
            self._engine.web.dismiss_all()
        return {"revoked": viewing is not None}

    async def job_event(self, params: dict[str, Any]) -> None:
        """Pass an event of the printer to all who follow it."""
        event = parse_print_event(params)
        for uploader in self._engine.uploaders:
            uploader.handle(event)
        if self._engine.timelapse is not None:
            await self._engine.timelapse.handle(event)
        for camera in self._engine.prusa_cameras.values():
            await camera.handle(event)
        if self._engine.multicam.controller is not None:
            await self._engine.multicam.controller.handle(event)

    async def camera_list(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The cameras with the addresses that browsers use."""
        return {"cameras": self._engine.list_cameras()}

    async def camera_snapshot(self, params: dict[str, Any]) -> dict[str, Any]:
        """The newest frame of a camera, if it is fresh."""
        camera = self._engine.camera(_optional(params, "camera", str))
        await camera.wake(WAKE_TIMEOUT_S)
        frame = camera.latest()
        if len(frame.data) > MAX_SNAPSHOT_BYTES:
            raise RpcError(
                INVALID_PARAMS,
                f"the frame has {len(frame.data)} bytes; get it from the web address",
                http_status=413,
            )
        return {
            "camera": camera.name,
            "content_type": "image/jpeg",
            "data": base64.b64encode(frame.data).decode(),
            "seq": frame.seq,
            "age_ms": round(frame.age_s() * 1e3, 1),
            "wall_time": frame.wall_time,
        }

    async def timelapse_start(self, params: dict[str, Any]) -> dict[str, Any]:
        """Record the running print as the options say, here and by Prusa cameras."""
        timelapse, cameras = self._engine.timelapse, self._engine.prusa_cameras
        if timelapse is None and not cameras:
            raise TimelapseError("there is no [timelapse] section")
        options = parse_options(params, "auto")
        for camera in cameras.values():
            await camera.start_job(options)
        job = None if timelapse is None else await timelapse.start_job(params)
        return {"job": None if job is None else summary(job)}

    async def timelapse_frame(self, params: dict[str, Any]) -> dict[str, Any]:
        """Take a frame that begins after ``monotonic_ns``."""
        layer = _optional(params, "layer", int)
        if layer is not None and layer < 0:
            raise RpcError(INVALID_PARAMS, "'layer' is negative", http_status=400)
        since = _optional(params, "monotonic_ns", int)
        timelapse = self._engine.timelapse
        if since is None:
            since = time.monotonic_ns()
        is_parked = params.get("parked") is True
        accepted = timelapse is not None and await timelapse.take_frame(
            layer, since, is_parked=is_parked
        )
        return {"accepted": accepted}

    async def timelapse_configure(self, params: dict[str, Any]) -> dict[str, Any]:
        """Take over what a user chose in a timelapse panel."""
        settings = _optional(params, "settings", dict) or {}
        if self._engine.timelapse is not None:
            await self._engine.timelapse.configure(settings)
        return {
            "accepted": self._engine.timelapse is not None,
            "timelapse_path": self._engine.identity["timelapse_path"],
        }

    async def timelapse_hyperlapse(self, params: dict[str, Any]) -> dict[str, Any]:
        """Take frames by time, or stop that."""
        action, cycle_s = params.get("action"), params.get("cycle_s")
        if action not in ("start", "stop"):
            raise RpcError(
                INVALID_PARAMS, "'action' is neither start nor stop", http_status=400
            )
        is_number = isinstance(cycle_s, int | float) and not isinstance(cycle_s, bool)
        if cycle_s is not None and not (is_number and 0.5 <= cycle_s <= MAX_CYCLE_S):
            raise RpcError(
                INVALID_PARAMS,
                f"'cycle_s' is not from 0.5 to {MAX_CYCLE_S:g}",
                http_status=400,
            )
        timelapse = self._engine.timelapse
        interval_s = (cycle_s or DEFAULT_CYCLE_S) if action == "start" else None
        accepted = timelapse is not None and await timelapse.keep_interval(interval_s)
        return {"accepted": accepted}

    async def timelapse_saveframes(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Put the frames of the newest job into a ZIP; answers when it is there."""
        if self._engine.timelapse is None:
            raise TimelapseError("there is no [timelapse] section")
        return {"zipfile": await self._engine.timelapse.save_frames()}

    async def timelapse_status(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The job of now and the newest finished one."""
        return self._engine.timelapse_status()

    async def timelapse_list(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """All known jobs, the oldest first."""
        timelapse = self._engine.timelapse
        return {"jobs": [summary(job) for job in timelapse.jobs] if timelapse else []}

    async def connect_upload(self, params: dict[str, Any]) -> dict[str, Any]:
        """Upload a snapshot now and wait for what became of it."""
        name = _optional(params, "camera", str)
        if name is not None:
            self._engine.camera(name)
        wanted = [
            uploader
            for uploader in self._engine.uploaders
            if name in (None, uploader.camera.name)
        ]
        if not wanted:
            raise RpcError(
                INVALID_PARAMS, "no [connect] section for that", http_status=404
            )
        return {"uploads": await asyncio.gather(*map(_upload, wanted))}

    async def connect_status(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The uploads of every camera."""
        return {"uploads": [uploader.status for uploader in self._engine.uploaders]}


async def _upload(uploader: SnapshotUploader) -> dict[str, Any]:
    reason = None
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT_S):
            await uploader.upload()
    except TimeoutError:
        reason = f"no answer within {UPLOAD_TIMEOUT_S:.0f} s"
    except PrusacamError as error:
        reason = str(error)
    return {
        "camera": uploader.camera.name,
        "accepted": reason is None,
        "reason": reason,
    }


def _optional(params: dict[str, Any], name: str, kind: type[Any]) -> Any:
    value = params.get(name)
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise RpcError(
            INVALID_PARAMS, f"'{name}' is not of type {kind.__name__}", http_status=400
        )
    return value
