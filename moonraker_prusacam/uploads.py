# Cameras that are in Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner of the uploaders of all ``[connect NAME]``, and of cameras that answer.

A camera whose token comes through the printer begins when it comes, and ends when the
printer is unregistered.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import attrs

from .connect.api import ConnectApi
from .connect.identity import fingerprint_path, load_or_create_fingerprint
from .connect.info import describer
from .connect.printer.identity import camera_token_path, load_token, printer_path
from .connect.signaling.camera_role import CameraRole, CameraRoleOptions
from .connect.uploader import SnapshotUploader
from .errors import ConfigError
from .role_actions import RoleActions
from .tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .camera import Camera
    from .config import Config, ConnectConfig
    from .secret import Secret
    from .timelapse import Timelapse

log = logging.getLogger(__name__)


class Uploads:
    """``uploaders`` and ``roles`` are those that run."""

    def __init__(
        self,
        config: Config,
        cameras: Mapping[str, Camera],
        timelapse: Timelapse | None,
        notify: Callable[[dict[str, Any]], None],
    ) -> None:
        self.uploaders: list[SnapshotUploader] = []
        self.roles: dict[str, CameraRole] = {}
        self._config = config
        self._state_path = config.engine.state_path
        self._cameras = cameras
        self._timelapse = timelapse
        self._notify = notify
        self._stacks: dict[str, AsyncExitStack] = {}
        self._changes = asyncio.Lock()
        self._tasks = TaskOwner("uploads")

    @property
    def vouched(self) -> list[ConnectConfig]:
        """The sections whose token comes through the printer."""
        return [connect for connect in self._config.connect if connect.token is None]

    async def start(self) -> None:
        """Begin with all that have a token; raises ConfigError."""
        for connect in self._config.connect:
            token = connect.token
            if token is None:
                try:
                    token = await self.stored_token(connect.camera)
                except ConfigError as error:
                    # The printer tells of it, too; other cameras go on.
                    log.error("%s", error)  # noqa: TRY400
            if token is not None:
                await self._begin(attrs.evolve(connect, token=token))

    async def aclose(self) -> None:
        """End all, the last started first. Idempotent."""
        await self._tasks.aclose()
        for name in reversed(list(self._stacks)):
            await self._end(name)

    async def stored_token(self, camera: str) -> Secret | None:
        """What ``camera`` got through the printer; raises ConfigError."""
        path = camera_token_path(printer_path(self._state_path), camera)
        return await asyncio.to_thread(load_token, path)

    def adopt(self, camera: str, token: Secret) -> None:
        """Begin to upload with a token that has just come."""
        self._tasks.start(f"adopt {camera}", self._adopt(camera, token))

    def drop_vouched(self) -> None:
        """End those whose tokens are gone with the printer."""
        self._tasks.start("drop", self._drop_vouched())

    def describe(self, camera: str) -> dict[str, Any]:
        """``camera`` as ``POST /p/camera`` wants it; blocks on the disk."""
        connect = next(one for one in self.vouched if one.camera == camera)
        owner = self._cameras[camera]
        newest = owner.newest
        size = (newest.width, newest.height) if newest is not None else (0, 0)
        told = describer(connect, owner.config)(*size)
        if newest is None:
            # It is told with the first snapshot.
            del told["config"]["resolution"], told["options"]
        path = fingerprint_path(self._state_path, camera)
        return {**told, "fingerprint": load_or_create_fingerprint(path)}

    async def _adopt(self, camera: str, token: Secret) -> None:
        async with self._changes:
            if camera not in self._stacks:
                connect = next(one for one in self.vouched if one.camera == camera)
                await self._begin(attrs.evolve(connect, token=token))

    async def _drop_vouched(self) -> None:
        async with self._changes:
            for connect in self.vouched:
                await self._end(connect.camera)

    async def _begin(self, connect: ConnectConfig) -> None:
        camera = self._cameras[connect.camera]
        path = fingerprint_path(self._state_path, connect.camera)
        fingerprint = await asyncio.to_thread(load_or_create_fingerprint, path)
        stack = self._stacks[connect.camera] = AsyncExitStack()
        api = ConnectApi(connect.server, connect.secret, fingerprint)
        stack.push_async_callback(api.aclose)
        uploader = SnapshotUploader(
            connect,
            camera,
            api,
            describer(connect, camera.config),
            self._notify,
            path.with_name(f"{connect.camera}.state.json"),
        )
        stack.push_async_callback(uploader.aclose)
        await uploader.start()
        self.uploaders.append(uploader)
        if connect.answer_as_camera:
            role = self._make_role(connect, fingerprint, uploader)
            stack.push_async_callback(role.aclose)
            await role.start()
            self.roles[connect.camera] = role

    async def _end(self, camera: str) -> None:
        stack = self._stacks.pop(camera, None)
        if stack is None:
            return
        for uploader in list(self.uploaders):
            if uploader.camera.name == camera:
                self.uploaders.remove(uploader)
        self.roles.pop(camera, None)
        await stack.aclose()

    def _make_role(
        self, connect: ConnectConfig, fingerprint: str, uploader: SnapshotUploader
    ) -> CameraRole:
        options = CameraRoleOptions(
            name=connect.camera,
            token=connect.secret,
            fingerprint=fingerprint,
            url=connect.signaling_url,
            server=connect.server,
        )
        return CameraRole(options, RoleActions(uploader, self._timelapse))
