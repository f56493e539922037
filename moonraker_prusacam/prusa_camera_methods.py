# What the control socket can do with Prusa's own cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Methods over the cameras of ``[prusa_camera NAME]``; docs/api.md describes each.

What a camera is told it does without an answer: that a call succeeds says that the
server has taken it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from .connect.signaling.messages import CameraMode, Direction, VideoQuality
from .errors import (
    CameraNotFound,
    ClosedError,
    MessageUnsupported,
    RpcError,
    SignalingError,
)
from .parameters import Parameters, refusal
from .records import IDENTITY
from .signals import parse_options

if TYPE_CHECKING:
    import enum
    from collections.abc import Awaitable, Callable

    from .app import Engine
    from .connect.prusa_camera import PrusaCamera
    from .connect.prusa_camera.viewer import CameraViewer
    from .control.peer import Handler

ASK_TIMEOUT_S = 30.0  # for what a camera answers; less than others wait for us
SIGNALING_FAILED = -32002
MOST = float((1 << 32) - 1)  # ranges are the camera's to know

SWITCHES: dict[str, Callable[[CameraViewer, bool], Awaitable[None]]] = {
    "light": lambda viewer, value: viewer.set_light(value),
    "snapshots": lambda viewer, value: viewer.enable_snapshots(value),
    "timelapse": lambda viewer, value: viewer.enable_timelapse(value),
    "rtsp_server": lambda viewer, value: viewer.set_rtsp_server(value),
}
NUMBERS: dict[str, Callable[[CameraViewer, int], Awaitable[None]]] = {
    "exposure": lambda viewer, value: viewer.set_exposure(value),
    "snapshot_interval": lambda viewer, value: viewer.set_snapshot_interval(value),
    "timelapse_interval": lambda viewer, value: viewer.set_timelapse_interval(value),
    "timelapse_fps": lambda viewer, value: viewer.set_timelapse_fps(value),
    "volume": lambda viewer, value: viewer.set_volume(value),
    "contrast": lambda viewer, value: viewer.set_contrast(value),
    "brightness": lambda viewer, value: viewer.set_brightness(value),
    "saturation": lambda viewer, value: viewer.set_saturation(value),
}
SETTINGS = (*SWITCHES, *NUMBERS, "mode", "quality")

E = TypeVar("E", bound="enum.Enum")


class PrusaCameraMethods:
    """Handlers over an engine, by the name of their method."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def table(self) -> dict[str, Handler]:
        """All methods by name."""
        methods: dict[str, Handler] = {
            "status": self.status,
            "snapshot": self.snapshot,
            "move": self.move,
            "set": self.set,
            "reboot": self.reboot,
            "update_firmware": self.update_firmware,
            "timelapse.start": self.start,
            "timelapse.render": self.render,
            "timelapse.download": self.download,
            "timelapse.list": self.list,
        }
        return {
            f"prusa_camera.{name}": _telling(handler)
            for name, handler in methods.items()
        }

    async def status(self, params: dict[str, Any]) -> dict[str, Any]:
        """What is known of one camera or all; asked anew with ``ask``."""
        given = Parameters(params, "camera", "ask")
        cameras = list(self._engine.prusa_cameras.values())
        if "camera" in params:
            cameras = [self._camera(given)]
        if given.boolean("ask"):
            await asyncio.gather(*(_ask(camera) for camera in cameras))
        return {"cameras": [camera.status() for camera in cameras]}

    async def snapshot(self, params: dict[str, Any]) -> dict[str, Any]:
        """Have the camera send a picture to Prusa Connect."""
        camera = self._camera(Parameters(params, "camera"))
        await camera.viewer.take_snapshot()
        return {"camera": camera.name}

    async def move(self, params: dict[str, Any]) -> dict[str, Any]:
        """Turn the camera."""
        given = Parameters(params, "camera", "direction", "angle")
        camera, direction = self._camera(given), _member(given, "direction", Direction)
        angle = _whole(given, "angle")
        if direction is None or angle is None:
            raise refusal("'direction' and 'angle' are needed")
        await camera.viewer.rotate(direction, angle)
        told = {"direction": direction.name.lower(), "angle": angle}
        return {"camera": camera.name, **told}

    async def set(self, params: dict[str, Any]) -> dict[str, Any]:
        """Change settings; what has been told to the camera."""
        given = Parameters(params, "camera", *SETTINGS)
        camera = self._camera(given)
        if not params.keys() - {"camera"}:
            raise refusal(f"give one or more of: {', '.join(SETTINGS)}")
        switches = {name: given.boolean(name) for name in SWITCHES}
        numbers = {name: _whole(given, name) for name in NUMBERS}
        mode = _member(given, "mode", CameraMode)
        quality = _member(given, "quality", VideoQuality)
        viewer, told = camera.viewer, {}
        for name, switch in switches.items():
            if switch is not None:
                await SWITCHES[name](viewer, switch)
                told[name] = params[name]
        for name, number in numbers.items():
            if number is not None:
                await NUMBERS[name](viewer, number)
                told[name] = params[name]
        if mode is not None:
            await viewer.set_mode(mode)
            told["mode"] = mode.name.lower()
        if quality is not None:
            await viewer.set_quality(quality)
            told["quality"] = quality.name.lower()
        return {"camera": camera.name, "set": told}

    async def reboot(self, params: dict[str, Any]) -> dict[str, Any]:
        """Restart the camera, if that is confirmed."""
        given = Parameters(params, "camera", "confirmed")
        camera = self._camera(given)
        await camera.viewer.reboot(confirmed=given.boolean("confirmed") or False)
        return {"camera": camera.name}

    async def update_firmware(self, params: dict[str, Any]) -> dict[str, Any]:
        """Update the camera's firmware, if that is confirmed."""
        given = Parameters(params, "camera", "confirmed")
        camera, is_sure = self._camera(given), given.boolean("confirmed") or False
        await camera.viewer.update_firmware(confirmed=is_sure)
        return {"camera": camera.name}

    async def start(self, params: dict[str, Any]) -> dict[str, Any]:
        """Record the print that runs, or the next one."""
        camera = self._camera(Parameters(params, "camera"))
        job = await camera.start_job(parse_options({}, "auto"))
        return {"job": None if job is None else camera.summary(job)}

    async def render(self, params: dict[str, Any]) -> dict[str, Any]:
        """Have the camera make the video of a job, or of what it records."""
        given = Parameters(params, "camera", "job")
        camera = self._camera(given)
        return {"job": camera.summary(await camera.render(_identity(given, params)))}

    async def download(self, params: dict[str, Any]) -> dict[str, Any]:
        """Ask Prusa Connect for a video now: of a job, or of that name."""
        given = Parameters(params, "camera", "job", "name")
        camera = self._camera(given)
        name = given.text("name") if "name" in params else None
        identity = _identity(given, params)
        if None not in (name, identity):
            raise refusal("give either 'job' or 'name', not both")
        return {"job": camera.summary(await camera.download(identity, name))}

    async def list(self, params: dict[str, Any]) -> dict[str, Any]:
        """The jobs, the oldest first; with ``files``, what the camera has as well."""
        given = Parameters(params, "camera", "files")
        cameras = list(self._engine.prusa_cameras.values())
        if "camera" in params:
            cameras = [self._camera(given)]
        told: dict[str, Any] = {
            "jobs": [camera.summary(job) for camera in cameras for job in camera.jobs]
        }
        if given.boolean("files"):
            told["files"] = [
                {"camera": camera.name, "name": file.name, "state": file.state.name}
                for camera in cameras
                for file in await camera.viewer.files()
            ]
        return told

    def _camera(self, given: Parameters) -> PrusaCamera:
        """The camera that is meant, the first one if none is named."""
        name = given.optional_text("camera")
        cameras = self._engine.prusa_cameras
        if not cameras:
            raise CameraNotFound("there is no [prusa_camera NAME] section")
        if name is None:
            return next(iter(cameras.values()))
        if name not in cameras:
            known = ", ".join(cameras)
            raise CameraNotFound(f"no Prusa camera '{name}'; there is: {known}")
        return cameras[name]


async def _ask(camera: PrusaCamera) -> None:
    """Bring status and features up to date; a camera that is away has told so."""
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            await camera.viewer.status()
            await camera.viewer.features()
    except (TimeoutError, SignalingError, ClosedError):
        pass


def _telling(handler: Handler) -> Handler:
    """Adds what helps to what went wrong at the camera."""

    async def handle(params: dict[str, Any]) -> Any:
        try:
            return await handler(params)
        except MessageUnsupported as error:
            raise refusal(str(error)) from error
        except SignalingError as error:
            words = "; ".join(filter(None, (str(error), error.advice)))
            raise RpcError(
                SIGNALING_FAILED, words, http_status=error.http_status
            ) from error

    return handle


def _identity(given: Parameters, params: dict[str, Any]) -> str | None:
    if "job" not in params:
        return None
    identity = given.text("job")
    if not IDENTITY.fullmatch(identity):
        raise refusal("'job' is not the id of a job")
    return identity


def _whole(given: Parameters, name: str) -> int | None:
    number = given.number(name, -MOST, MOST)
    if number is None:
        return None
    if not number.is_integer():
        raise refusal(f"'{name}' is not a whole number")
    return int(number)


def _member(given: Parameters, name: str, kind: type[E]) -> E | None:
    value = given.optional_text(name)
    if value is None:
        return None
    try:
        return kind[value.upper()]
    except KeyError:
        names = ", ".join(member.name.lower() for member in kind)
        raise refusal(f"'{name}' is not one of: {names}") from None
