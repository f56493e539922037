# A Prusa camera, and its viewer, as a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes what the camera is told, and answers or speaks on the test's word."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.connect.signaling.messages import (
    ClientTrigger,
    Features,
    FileState,
    Status,
    TimelapseFile,
    VideoState,
)
from moonraker_prusacam.errors import (
    ClosedError,
    MessageUnsupported,
    SignalingUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 10.0
AWAY = "the camera did not answer with its Status in 20 s"


class ScriptedCamera:
    """The camera itself, which lives longer than its viewers.

    ``makes_videos``: it says by itself that it begins a video, and that it is done.
    """

    def __init__(self, profile: str = "seed") -> None:
        self.profile = profile
        self.is_away = False
        self.is_silent = False  # about its videos
        self.makes_videos = True
        self.status = Status(video=VideoState.IDLE if profile == "seed" else None)
        self.files: dict[str, FileState] = {}
        self.name = ""
        self.calls: list[tuple[Any, ...]] = []
        self.videos = 0
        self.fails: dict[str, Exception] = {}
        self.viewers: list[ScriptedViewer] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def viewer(self, jwt: object = None) -> ScriptedViewer:
        made = ScriptedViewer(self, jwt)
        self.viewers.append(made)
        return made

    def told(self, name: str) -> list[Any]:
        """The values that were told by calls of that name."""
        return [call[1] for call in self.calls if call[0] == name]

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until ``condition`` holds; it is asked after every call."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(condition)

    async def until_told(self, name: str, count: int = 1) -> None:
        await self.until(lambda: len(self.told(name)) >= count)

    def say(self, video: VideoState | None, **more: Any) -> None:
        """Tell all viewers by itself how a video goes on."""
        if video is not None and self.profile == "seed":
            self.status = attrs.evolve(self.status, video=video)
        for viewer in self.viewers:
            if viewer.is_open:
                for listener in viewer.on_client_trigger:
                    listener(ClientTrigger(video=video, **more))

    def take_away(self) -> None:
        """Let it not answer any more."""
        self.is_away = True

    def bring_back(self) -> None:
        """Let it answer again, and its viewers know it."""
        self.is_away = False
        for viewer in self.viewers:
            for listener in viewer.on_state:
                listener()

    def note(self, *call: Any) -> None:
        self.calls.append(call)
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class ScriptedViewer:
    """See ``connect.prusa_camera.viewer.CameraViewer``."""

    def __init__(self, camera: ScriptedCamera, jwt: object) -> None:
        self.camera = camera
        self.jwt = jwt
        self.is_open = False
        self.on_state: list[Callable[[], None]] = []
        self.on_status: list[Callable[[Status], None]] = []
        self.on_features: list[Callable[[Features], None]] = []
        self.on_client_trigger: list[Callable[[ClientTrigger], None]] = []

    @property
    def state(self) -> str:
        if not self.is_open:
            return "closed"
        return "connecting" if self.camera.is_away else "ready"

    @property
    def reason(self) -> str:
        return AWAY if self.camera.is_away else ""

    @property
    def advice(self) -> str:
        return "look for the camera" if self.camera.is_away else ""

    async def start(self) -> None:
        self.is_open = True

    async def aclose(self) -> None:
        self.is_open = False

    async def wait_ready(self, timeout_s: float) -> None:
        assert timeout_s > 0
        self._must_answer()

    async def status(self) -> Status:
        await self._do("status")
        for listener in self.on_status:
            listener(self.camera.status)
        return self.camera.status

    async def features(self) -> Features:
        await self._do("features")
        told = Features(firmware="3.1.6")
        for listener in self.on_features:
            listener(told)
        return told

    async def files(self) -> tuple[TimelapseFile, ...]:
        if self.camera.profile == "seed":
            raise MessageUnsupported("the profile 'seed' has no FileList")
        await self._do("files")
        return tuple(
            TimelapseFile(name, state) for name, state in self.camera.files.items()
        )

    async def take_snapshot(self) -> None:
        await self._do("snapshot")

    async def enable_snapshots(self, enabled: bool) -> None:
        await self._do("snapshots", enabled)

    async def enable_timelapse(self, enabled: bool) -> None:
        await self._do("timelapse", enabled)

    async def make_video(self) -> None:
        await self._do("video", self.camera.name)
        self.camera.videos += 1
        if self.camera.makes_videos:
            self.camera.say(VideoState.IN_PROGRESS)
            self.camera.say(VideoState.DONE)

    async def set_rtsp_server(self, enabled: bool) -> None:
        await self._do("rtsp", enabled)

    async def reboot(self, *, confirmed: bool) -> None:
        await self._do("reboot", confirmed)

    async def update_firmware(self, *, confirmed: bool) -> None:
        await self._do("update", confirmed)

    async def rotate(self, direction: Any, angle: int) -> None:
        await self._do("rotate", (direction, angle))

    async def set_light(self, enabled: bool) -> None:
        await self._do("light", enabled)

    async def set_exposure(self, value: int) -> None:
        await self._do("exposure", value)

    async def set_mode(self, mode: Any) -> None:
        await self._do("mode", mode)

    async def set_snapshot_interval(self, interval_s: int) -> None:
        await self._do("snapshot_interval", interval_s)

    async def set_timelapse_interval(self, interval_s: int) -> None:
        await self._do("timelapse_interval", interval_s)

    async def set_timelapse_fps(self, fps: int) -> None:
        await self._do("fps", fps)

    async def set_job_name(self, name: str) -> None:
        await self._do("name", name)
        self.camera.name = name

    async def set_volume(self, volume: int) -> None:
        await self._do("volume", volume)

    async def set_contrast(self, contrast: int) -> None:
        await self._do("contrast", contrast)

    async def set_brightness(self, brightness: int) -> None:
        await self._do("brightness", brightness)

    async def set_saturation(self, saturation: int) -> None:
        await self._do("saturation", saturation)

    async def set_quality(self, quality: Any) -> None:
        await self._do("quality", quality)

    async def _do(self, name: str, value: Any = None) -> None:
        await asyncio.sleep(0)  # as any that goes over a network
        self._must_answer()
        if name in self.camera.fails:
            raise self.camera.fails[name]
        self.camera.note(name, value)

    def _must_answer(self) -> None:
        if not self.is_open:
            raise ClosedError("the viewer is closed")
        if self.camera.is_away:
            raise SignalingUnavailable(AWAY, advice="look for the camera")
