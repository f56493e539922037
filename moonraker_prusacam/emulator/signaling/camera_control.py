# The hand on the virtual Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/_ctl/prusa-camera``: what a test or a person steers and reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

from .camera import CameraFault
from .control_api import fault_routes, read_object, wrong

if TYPE_CHECKING:
    from .camera import VirtualPrusaCamera

PATH = "/_ctl/prusa-camera"


class CameraControl:
    """Handlers of ``/_ctl/prusa-camera``; a part of a local Prusa Connect."""

    def __init__(self, camera: VirtualPrusaCamera) -> None:
        self._camera = camera

    def routes(self) -> list[web.RouteDef]:
        """What to route where."""
        return [
            web.get(PATH, self._show),
            web.patch(PATH, self._change),
            web.get(f"{PATH}/picture", self._picture),
            web.post(f"{PATH}/leave", self._leave),
            web.post(f"{PATH}/come-back", self._come_back),
            *fault_routes(f"{PATH}/faults", self._camera.faults, CameraFault),
        ]

    async def aclose(self) -> None:
        """Nothing is under way."""

    async def _show(self, _request: web.Request) -> web.Response:
        return web.json_response(described(self._camera))

    async def _change(self, request: web.Request) -> web.Response:
        """``storage``: whether there is a card."""
        wanted = await read_object(request)
        if wanted.keys() != {"storage"} or not isinstance(wanted["storage"], bool):
            raise wrong("storage: true or false")
        self._camera.set_storage(wanted["storage"])
        return await self._show(request)

    async def _picture(self, _request: web.Request) -> web.Response:
        picture = await self._camera.take_picture()
        return web.Response(body=picture, content_type="image/jpeg")

    async def _leave(self, request: web.Request) -> web.Response:
        """For ``seconds``, or until told to come back."""
        seconds = (await read_object(request)).get("seconds")
        if seconds is not None and not (type(seconds) in (int, float) and seconds > 0):
            raise wrong("seconds: a number above 0")
        await self._camera.leave(seconds)
        return web.Response(status=204)

    async def _come_back(self, _request: web.Request) -> web.Response:
        self._camera.come_back()
        return web.Response(status=204)


def described(camera: VirtualPrusaCamera) -> dict[str, Any]:
    """A camera as JSON values, without its secrets."""
    timelapse = camera.timelapse
    return {
        "joined": camera.is_joined,
        "phase": timelapse.phase.value,
        "timelapse": timelapse.enabled,
        "job_name": timelapse.job_name,
        "frames": len(timelapse.frames),
        "storage": timelapse.has_storage,
        "files": {
            name: {"state": file.state.value, "size_bytes": len(file.video)}
            for name, file in timelapse.files.items()
        },
        "firmware": camera.firmware,
        "reboots": camera.reboots,
        "snapshots_sent": camera.snapshots_sent,
        "malformed": camera.malformed,
        "errors": camera.errors,
        "settings": attrs.asdict(camera.settings),
    }
