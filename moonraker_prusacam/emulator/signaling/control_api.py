# The hand on the local signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/_ctl/signaling/*``: what a test or a person steers and reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from aiohttp import web

from moonraker_prusacam.connect.signaling.messages import (
    CameraMode,
    Configuration,
    Direction,
    Switch,
    Trigger,
    VideoQuality,
)
from moonraker_prusacam.errors import EmulatorError, SignalingError
from moonraker_prusacam.secret import Secret

from . import rules
from .faults import Fault
from .session import Role

if TYPE_CHECKING:
    from moonraker_prusacam.emulator.connect import LocalCamera
    from moonraker_prusacam.emulator.connect.plan import BaseFault, FaultPlan

    from .server import LocalSignaling

F = TypeVar("F", bound="BaseFault")

# The enumeration of each field that is none of Switch, a number or a text.
CHOICES = {"direction": Direction, "mode": CameraMode, "quality": VideoQuality}
NUMBERS = (
    "angle",
    "exposure",
    "snapshot_interval_s",
    "contrast",
    "volume",
    "brightness",
    "saturation",
    "timelapse_interval_s",
    "timelapse_fps",
)
TEXTS = ("job_name", "request_id")


class ControlApi:
    """Handlers of ``/_ctl/signaling/*``; 400 and why for what makes no sense."""

    def __init__(self, signaling: LocalSignaling) -> None:
        self._signaling = signaling

    def routes(self) -> list[web.RouteDef]:
        """What to route where."""
        camera = "/_ctl/signaling/cameras/{id}"
        return [
            web.get("/_ctl/signaling/log", self._log),
            web.get("/_ctl/signaling/transcript", self._transcript),
            web.get("/_ctl/signaling/rules", self._rules),
            web.get("/_ctl/signaling/behaviour", self._behaviour),
            web.patch("/_ctl/signaling/behaviour", self._change_behaviour),
            *fault_routes("/_ctl/signaling/faults", self._signaling.faults, Fault),
            web.post(f"{camera}/revoke", self._revoke),
            web.post(f"{camera}/disconnect", self._disconnect),
            web.post(f"{camera}/trigger", self._trigger),
            web.post(f"{camera}/configuration", self._configure),
        ]

    async def _log(self, _request: web.Request) -> web.Response:
        return web.json_response(self._signaling.log_as_json())

    async def _transcript(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._signaling.transcript())

    async def _rules(self, _request: web.Request) -> web.Response:
        return web.json_response([attrs.asdict(rule) for rule in rules.RULES])

    async def _behaviour(self, _request: web.Request) -> web.Response:
        return web.json_response(attrs.asdict(self._signaling.behaviour))

    async def _change_behaviour(self, request: web.Request) -> web.Response:
        changes = await read_object(request)
        try:
            self._signaling.behaviour = self._signaling.behaviour.changed(changes)
        except (TypeError, ValueError) as error:
            raise wrong(error) from None
        return await self._behaviour(request)

    async def _revoke(self, request: web.Request) -> web.Response:
        await self._signaling.revoke(self._camera(request).token)
        return web.Response(status=204)

    async def _disconnect(self, request: web.Request) -> web.Response:
        """Send away those of ``role``, or all."""
        role = (await read_object(request)).get("role")
        try:
            wanted = None if role is None else Role(role)
        except ValueError as error:
            raise wrong(error) from None
        await self._signaling.disconnect(self._camera(request).token, wanted)
        return web.Response(status=204)

    async def _trigger(self, request: web.Request) -> web.Response:
        return await self._send(request, Trigger)

    async def _configure(self, request: web.Request) -> web.Response:
        return await self._send(request, Configuration)

    async def _send(
        self, request: web.Request, kind: type[Trigger | Configuration]
    ) -> web.Response:
        """Send a message to the camera, from fields in JSON."""
        camera = self._camera(request)
        wanted = await read_object(request)
        try:
            fields = {name: _value(name, value) for name, value in wanted.items()}
            message = kind(camera_token=Secret(camera.token), **fields)
            await self._signaling.send(camera.token, message)
        except (KeyError, TypeError, ValueError, SignalingError) as error:
            raise wrong(error) from None
        except EmulatorError as error:
            raise web.HTTPConflict(text=str(error)) from None
        return web.Response(status=204)

    def _camera(self, request: web.Request) -> LocalCamera:
        number = request.match_info["id"]
        known = number.isdecimal() and len(number) < 10
        account = self._signaling.connect.account
        camera = account.camera(int(number)) if known else None
        if camera is None:
            raise web.HTTPNotFound(text=f"no camera {number}")
        return camera


def fault_routes(path: str, plan: FaultPlan[F], kind: type[F]) -> list[web.RouteDef]:
    """Routes that show, add to, and clear a plan of faults."""

    async def show(_request: web.Request) -> web.Response:
        return web.json_response(plan.as_json())

    async def add(request: web.Request) -> web.Response:
        content = await _json(request)
        listed = content if isinstance(content, list) else [content]
        try:
            faults = [kind.from_json(each) for each in listed]
            plan.add(faults)
        except (TypeError, ValueError) as error:
            raise wrong(error) from None
        return web.json_response([fault.as_json() for fault in faults], status=201)

    async def clear(_request: web.Request) -> web.Response:
        plan.clear()
        return web.Response(status=204)

    return [web.get(path, show), web.post(path, add), web.delete(path, clear)]


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request, empty without a body; 400 for anything else."""
    content = await _json(request)
    if not isinstance(content, dict):
        raise web.HTTPBadRequest(text="no JSON object")
    return content


def wrong(reason: object) -> web.HTTPBadRequest:
    """What is answered to what makes no sense."""
    return web.HTTPBadRequest(text=str(reason))


async def _json(request: web.Request) -> Any:
    try:
        return await request.json() if request.can_read_body else {}
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="no JSON") from None


def _value(name: str, value: Any) -> Any:
    """A field of a message; KeyError, TypeError or ValueError for what is none."""
    if name in TEXTS:
        return str(value)
    if name in NUMBERS:
        return int(value)
    choices = CHOICES.get(name, Switch)
    return choices[value.upper()] if isinstance(value, str) else choices(value)
