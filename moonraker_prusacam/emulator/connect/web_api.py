# The web page's side of the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the web page of Prusa Connect asks: new cameras, last pictures, triggers.

Who is logged in sends the cookie SESSID or a Bearer token; here both are
``Account.session``.
"""

from __future__ import annotations

import html
import json
import uuid
from typing import TYPE_CHECKING

from . import rules
from .answers import HTML_TYPE, Answer
from .camera import Origin
from .request_log import sha1_of

if TYPE_CHECKING:
    from aiohttp import web

    from .account import Account

QUESTION = (
    "<!doctype html><title>Add printer</title><form method=post>"
    "<p>Add the printer {serial_number}?<p><button>Add printer</button></form>"
)
ADDED = "<!doctype html><title>Printer added</title><p>{serial_number} was added."
LOGIN = Answer.error(rules.WEB_LOGIN, 401, "UNAUTHORIZED", "Not logged in")


class WebApi:
    """Judges what the web page sends."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def add_camera(self, request: web.Request, _body: bytes) -> Answer:
        """``POST /app/printers/{uuid}/camera?origin=``."""
        if not logged_in(request, self._account):
            return LOGIN
        try:
            printer_uuid = str(uuid.UUID(request.match_info["uuid"]))
            origin = Origin(request.query.get("origin", Origin.WEB))
        except ValueError:
            return Answer.error(
                rules.WEB_NOT_FOUND, 400, "BAD_REQUEST", "No UUID or no origin"
            )
        printer = self._account.printers.get(printer_uuid)
        if printer is None:
            return _not_found("Printer does not exist")
        camera = self._account.add_camera(printer=printer, origin=origin)
        return Answer.of_json(rules.WEB_CAMERA, 201, camera.response())

    def add_printer(self, request: web.Request, _body: bytes) -> Answer:
        """``/add-printer/connect/{printer_type}/{code}``: what the user is sent to."""
        code = request.match_info["code"]
        printer = self._account.registration(code)
        if printer is None or printer.printer_type != request.match_info["type"]:
            return _not_found("No printer waits with that code")
        asks = request.method != "POST"
        if not asks:
            self._account.confirm(code)
        shown = QUESTION if asks else ADDED
        content = shown.format(serial_number=html.escape(printer.serial_number or ""))
        return Answer.by(rules.WEB_PRINTER, 200, content.encode(), HTML_TYPE)

    def last_snapshot(self, request: web.Request, _body: bytes) -> Answer:
        """``GET /app/cameras/{id}/snapshots/last``."""
        if not logged_in(request, self._account):
            return LOGIN
        camera_id = request.match_info["id"]
        known = camera_id.isdecimal() and len(camera_id) < 10
        camera = self._account.camera(int(camera_id)) if known else None
        if camera is None or camera.deleted_at is not None:
            return _not_found("Camera does not exist")
        image = camera.last_image
        if image is None or not camera.printer_online:
            return Answer.error(
                rules.NO_IMAGE, 404, "NOT_FOUND_SNAPSHOT", "Snapshot is not available"
            )
        headers = {"ETag": f'"{sha1_of(image)}"'}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return Answer.by(rules.IMAGE, 304, headers=headers)
        return Answer.by(rules.IMAGE, 200, image, "image/jpeg", headers=headers)

    def trigger(self, request: web.Request, _body: bytes) -> Answer:
        """``POST /app/cameras/{token}/snapshots``: take a picture now."""
        if not logged_in(request, self._account):
            return LOGIN
        camera = self._account.cameras.get(request.match_info["token"])
        if camera is None or camera.deleted_at is not None:
            return _not_found("Camera does not exist")
        camera.triggered += 1
        for listener in self._account.on_trigger:
            listener(camera)
        return Answer.by(rules.TRIGGERED, 204)

    def environment(self, request: web.Request, _body: bytes) -> Answer:
        """``GET /environment.js``: where the other servers are; here, all of it."""
        place = f"{request.scheme}://{request.host}"
        values = {
            "CAMERA_SIGNALING_SERVER": place,
            "CAMERA_WEBRTC_CONFIG_URL": f"{place}/v1/camera-webrtc-config",
            "MQTT_BROKER_URL": place.replace("http", "ws", 1),
        }
        lines = [f"window.{name} = {json.dumps(v)};\n" for name, v in values.items()]
        body = "".join(lines).encode()
        return Answer.by(rules.ENVIRONMENT, 200, body, "application/javascript")


def logged_in(request: web.Request, account: Account) -> bool:
    """Whether a request has the session of the web page."""
    bearer = request.headers.get("Authorization") == f"Bearer {account.session}"
    return bearer or request.cookies.get("SESSID") == account.session


def _not_found(message: str) -> Answer:
    return Answer.error(rules.WEB_NOT_FOUND, 404, "NOT_FOUND", message)
