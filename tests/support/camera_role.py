# A camera role, its actions, and who asks it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the engine behind a camera role, and for the viewers before it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.connect.signaling import camera_role
from moonraker_prusacam.connect.signaling import session as session_module
from moonraker_prusacam.connect.signaling.camera_actions import Ability
from moonraker_prusacam.connect.signaling.camera_role import (
    CameraRole,
    CameraRoleOptions,
)
from moonraker_prusacam.connect.signaling.messages import (
    Configuration,
    Status,
    Switch,
    TimelapseFile,
    Trigger,
)
from moonraker_prusacam.secret import Secret
from tests.support.scripted_signaling import signaling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import pytest

    from moonraker_prusacam.connect.signaling.messages import Message
    from tests.support.scripted_signaling import SignalingServer

TOKEN = "aB3_-6789012345678xY"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
WHO = "viewer-of-this-camera"
ON = Switch.ON
WAIT_S = 10.0


class Actions:
    """Notes what it is told to do; ``gate`` holds up what takes long."""

    def __init__(self) -> None:
        self.abilities: set[Ability] = set(Ability)
        self.done: list[Any] = []
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.videos: list[TimelapseFile] = []

    async def status(self) -> Status:
        if self.error is not None:
            raise self.error
        return Status(temperature_c=41.5, storage=ON, timelapse=ON, uptime_s=7)

    async def _do(self, *what: Any) -> None:
        self.done.append(what)
        await self.gate.wait()
        if self.error is not None:
            raise self.error

    async def take_snapshot(self) -> None:
        await self._do("snapshot")

    async def enable_snapshots(self, enabled: bool) -> None:
        await self._do("snapshots", enabled)

    async def set_snapshot_interval(self, interval_s: int) -> None:
        await self._do("interval", interval_s)

    async def enable_timelapse(self, enabled: bool) -> None:
        await self._do("timelapse", enabled)

    async def set_job_name(self, name: str) -> None:
        await self._do("job", name)

    async def make_video(self) -> None:
        await self._do("video")

    async def files(self) -> list[TimelapseFile]:
        await self._do("files")
        return self.videos


class Asking:
    """A camera role at a server that asks it."""

    def __init__(self, server: SignalingServer, role: CameraRole) -> None:
        self.server = server
        self.role = role

    async def ask(self, message: Message, name: str = "trigger") -> None:
        """Send one message to the camera, as a viewer's that the server passes on."""
        await self.server.tell(self.server.peers[-1], name, message)

    async def trigger(self, **fields: Any) -> None:
        """Send a trigger with these fields."""
        address = {"camera_token": Secret(TOKEN), "request_id": WHO}
        await self.ask(Trigger(**{**address, **fields}))

    async def configure(self, **fields: Any) -> None:
        """Send a configuration with these fields."""
        address = {"camera_token": Secret(TOKEN), "request_id": WHO}
        await self.ask(Configuration(**{**address, **fields}), "configuration")

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until ``condition`` holds, of which nobody tells."""
        async with asyncio.timeout(WAIT_S):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.002)

    async def caught_up(self) -> None:
        """Wait until all that was asked before is answered."""
        count = len(self.server.events("protobuf_version"))
        await self.trigger(get_protocol=ON)
        await self.server.event("protobuf_version", count)

    @property
    def said(self) -> list[str]:
        """Names of what the camera said after its first word, without the fences."""
        names = [sent.name for peer in self.server.peers for sent in peer.sent]
        hidden = ("protobuf_version", "camera_authentication")
        return [name for name in names if name not in hidden]


@asynccontextmanager
async def asked(
    actions: Actions, profile: str = "wire", acknowledgement: int = 0
) -> AsyncIterator[Asking]:
    """A role that is started, and whoever asks it; ready unless it is refused."""
    async with signaling(profile) as server:
        server.acknowledgement = (acknowledgement,)
        made = CameraRoleOptions(
            name="front",
            token=Secret(TOKEN),
            fingerprint=FINGERPRINT,
            url=server.url,
            profile=profile,
        )
        role = CameraRole(made, actions)
        await role.start()
        try:
            if acknowledgement == 0:
                await role.wait_ready(WAIT_S)
            yield Asking(server, role)
        finally:
            await role.aclose()


def begin_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixture: sessions that are lost are made again at once, and asked freely."""
    monkeypatch.setattr(session_module, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(session_module, "LAST_DELAY_S", 0.05)
    monkeypatch.setattr(camera_role, "BURST", 1000.0)


def actions() -> Actions:
    """A fixture."""
    return Actions()


async def asking(actions: Actions) -> AsyncIterator[Asking]:
    """A fixture: a role that does ``actions``, and who asks it."""
    async with asked(actions) as one:
        yield one
