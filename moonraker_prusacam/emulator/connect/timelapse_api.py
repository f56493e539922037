# Timelapse videos in the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/c/timelapse/{token}/{job_name}.mp4``: a camera puts its video there, users get it.

All of it is a guess: one description of the service thinks that finished videos are
there, and nobody has seen one. How a camera sends them is not known at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import rules
from .answers import Answer
from .ranges import whole_or_part
from .web_api import logged_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from .account import Account
    from .camera import LocalCamera

VIDEO_TYPE = "video/mp4"
MAX_VIDEOS = 50
LOGIN = Answer.error(rules.VIDEO_LOGIN, 401, "UNAUTHORIZED", "Not logged in")
MISSING = Answer.error(rules.VIDEO_MISSING, 404, "NOT_FOUND", "No such timelapse")
OF_ANOTHER = Answer.error(
    rules.VIDEO_OF_ANOTHER, 403, "FORBIDDEN", "Token is of another camera"
)


class TimelapseApi:
    """Judges who gets and puts videos; ``refuse`` judges a camera's headers."""

    def __init__(
        self,
        account: Account,
        refuse: Callable[[web.Request, LocalCamera | None], Answer | None],
    ) -> None:
        self._account = account
        self._refuse = refuse

    def get(self, request: web.Request, _body: bytes) -> Answer:
        """The video, or the range of it that was asked for."""
        camera = self._account.cameras.get(request.match_info["token"])
        if not logged_in(request, self._account):
            if "Token" not in request.headers:
                return LOGIN
            refusal = self._refuse_camera(request, camera)
            if refusal is not None:
                return refusal
        if camera is None or request.match_info["job_name"] not in camera.videos:
            return MISSING
        video = camera.videos[request.match_info["job_name"]]
        return whole_or_part(request, video, VIDEO_TYPE, rules.VIDEO, rules.VIDEO_RANGE)

    def put(self, request: web.Request, body: bytes) -> Answer:
        """Keep a video; the oldest goes when there are too many."""
        camera = self._account.cameras.get(request.match_info["token"])
        refusal = self._refuse_camera(request, camera)
        if refusal is not None or camera is None:
            return refusal or MISSING
        if not body:
            return Answer.error(rules.VIDEO_EMPTY, 400, "BAD_REQUEST", "No video")
        if camera.fingerprint is None:
            camera.fingerprint = request.headers["Fingerprint"]
        name = request.match_info["job_name"]
        replaced = camera.videos.pop(name, None)
        camera.videos[name] = body
        if len(camera.videos) > MAX_VIDEOS:
            del camera.videos[next(iter(camera.videos))]
        return Answer.by(rules.VIDEO_UPLOADED, 201 if replaced is None else 204)

    def _refuse_camera(
        self, request: web.Request, camera: LocalCamera | None
    ) -> Answer | None:
        """Why the camera of the headers may not, None if it may."""
        own = self._account.cameras.get(request.headers.get("Token", ""))
        return self._refuse(request, own) or (None if own is camera else OF_ANOTHER)
