# The hand on the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/_ctl/*``: what a test or a person steers and reads; no part of Prusa Connect."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

from moonraker_prusacam.errors import EmulatorError

from .account import TRIGGER_SCHEMES
from .camera import Origin
from .faults import Fault
from .printer_rules import PRINTER_RULES
from .request_log import mask
from .rules import RULES

if TYPE_CHECKING:
    from .camera import LocalCamera
    from .server import LocalConnect


class ControlApi:
    """Handlers of ``/_ctl/*``; 400 with the reason for what makes no sense."""

    def __init__(self, connect: LocalConnect) -> None:
        self._connect = connect
        self._account = connect.account

    def routes(self) -> list[web.RouteDef]:
        """What to route where."""
        return [
            web.get("/_ctl/log", self._log),
            web.get("/_ctl/rules", self._rules),
            web.get("/_ctl/behaviour", self._behaviour),
            web.patch("/_ctl/behaviour", self._change_behaviour),
            web.get("/_ctl/faults", self._faults),
            web.post("/_ctl/faults", self._add_faults),
            web.delete("/_ctl/faults", self._clear_faults),
            web.post("/_ctl/confirm", self._confirm),
            web.get("/_ctl/cameras", self._cameras),
            web.post("/_ctl/cameras", self._add_camera),
            web.patch("/_ctl/cameras/{id}", self._change_camera),
            web.delete("/_ctl/cameras/{id}", self._delete_camera),
        ]

    async def _log(self, _request: web.Request) -> web.Response:
        return web.json_response(self._connect.log_as_json())

    async def _rules(self, _request: web.Request) -> web.Response:
        known = (*RULES, *PRINTER_RULES)
        return web.json_response([attrs.asdict(rule) for rule in known])

    async def _behaviour(self, _request: web.Request) -> web.Response:
        return web.json_response(attrs.asdict(self._connect.behaviour))

    async def _change_behaviour(self, request: web.Request) -> web.Response:
        changes = await object_of(request)
        try:
            self._connect.behaviour = self._connect.behaviour.changed(changes)
        except (TypeError, ValueError) as error:
            raise wrong(error) from None
        return await self._behaviour(request)

    async def _faults(self, _request: web.Request) -> web.Response:
        return web.json_response(self._connect.faults.as_json())

    async def _add_faults(self, request: web.Request) -> web.StreamResponse:
        content = await json_of(request)
        listed = content if isinstance(content, list) else [content]
        try:
            faults = [Fault.from_json(each) for each in listed]
        except (TypeError, ValueError) as error:
            raise wrong(error) from None
        # The answer leaves first: the fault may be that nobody answers.
        response = web.json_response([fault.as_json() for fault in faults], status=201)
        await response.prepare(request)
        await response.write_eof()
        await self._connect.inject(*faults)
        return response

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._connect.faults.clear()
        return web.Response(status=204)

    async def _confirm(self, request: web.Request) -> web.Response:
        """Agree to a printer's registration; ``code`` or the newest."""
        code = (await object_of(request)).get("code")
        try:
            printer = self._connect.confirm(code)
        except EmulatorError as error:
            raise web.HTTPNotFound(text=str(error)) from None
        return web.json_response({"printer_uuid": printer.uuid})

    async def _cameras(self, _request: web.Request) -> web.Response:
        shown = [self.shown(camera) for camera in self._account.cameras.values()]
        return web.json_response(shown)

    async def _add_camera(self, request: web.Request) -> web.Response:
        """A camera as the web page makes it; the only answer with its token."""
        wanted = await object_of(request)
        try:
            origin = Origin(wanted.pop("origin", Origin.OTHER))
        except ValueError as error:
            raise wrong(error) from None
        camera = self._account.add_camera(origin=origin)
        self._apply(camera, wanted)
        return web.json_response(
            {**self.shown(camera), "token": camera.token}, status=201
        )

    async def _change_camera(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        self._apply(camera, await object_of(request))
        return web.json_response(self.shown(camera))

    async def _delete_camera(self, request: web.Request) -> web.Response:
        self._camera(request).deleted_at = time.time()
        return web.Response(status=204)

    def _apply(self, camera: LocalCamera, wanted: dict[str, Any]) -> None:
        """``printer_online`` and ``trigger_scheme``, both or neither."""
        if unknown := wanted.keys() - {"printer_online", "trigger_scheme"}:
            raise wrong(f"nothing to set is called {', '.join(sorted(unknown))}")
        online = wanted.get("printer_online", camera.printer_online)
        scheme = wanted.get("trigger_scheme", camera.trigger_scheme)
        if not isinstance(online, bool) or scheme not in (None, *TRIGGER_SCHEMES):
            raise wrong(f"printer_online: true or false; {', '.join(TRIGGER_SCHEMES)}")
        camera.printer_online, camera.trigger_scheme = online, scheme

    def _camera(self, request: web.Request) -> LocalCamera:
        number = request.match_info["id"]
        known = number.isdecimal() and len(number) < 10
        camera = self._account.camera(int(number)) if known else None
        if camera is None:
            raise web.HTTPNotFound(text=f"no camera {number}")
        return camera

    @staticmethod
    def shown(camera: LocalCamera) -> dict[str, Any]:
        """A camera without its secrets."""
        return {
            "id": camera.id,
            "camera": mask(camera.token),
            "origin": camera.origin.value,
            "registered": camera.fingerprint is not None,
            "deleted": camera.deleted_at is not None,
            "printer_uuid": camera.printer.uuid,
            "printer_online": camera.printer_online,
            "trigger_scheme": camera.trigger_scheme,
            "triggered": camera.triggered,
            "accepted": camera.accepted,
            "min_gap_s": camera.min_gap_s,
            "image_bytes": len(camera.last_image or b""),
        }


def wrong(reason: object) -> web.HTTPBadRequest:
    """What makes no sense."""
    return web.HTTPBadRequest(text=str(reason))


async def json_of(request: web.Request) -> Any:
    """The JSON of a request, an empty object where there is no body; 400."""
    try:
        return await request.json() if request.can_read_body else {}
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="no JSON") from None


async def object_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request, an empty one where there is no body; 400."""
    content = await json_of(request)
    if not isinstance(content, dict):
        raise web.HTTPBadRequest(text="no JSON object")
    return content
