# Timelapse videos in the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/c/timelapse/{token}/{job_name}.mp4``: a camera puts its video there, users get it.

All of it is a guess: one description of the service thinks that finished videos are
there, and nobody has seen one. How a camera sends them is not known at all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import rules
from .answers import Answer
from .request_log import sha1_of
from .web_api import logged_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from .account import Account
    from .camera import LocalCamera

VIDEO_TYPE = "video/mp4"
MAX_VIDEOS = 50
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
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
        return _answer(request, camera.videos[request.match_info["job_name"]])

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


def _answer(request: web.Request, video: bytes) -> Answer:
    headers = {"ETag": f'"{sha1_of(video)}"', "Accept-Ranges": "bytes"}
    wanted = RANGE.fullmatch(request.headers.get("Range", ""))
    unchanged = request.headers.get("If-Range", headers["ETag"]) == headers["ETag"]
    # What is no single range is answered as if it were not there (RFC 9110, 14.2).
    if wanted is None or not unchanged or not any(wanted.groups()):
        return Answer.by(rules.VIDEO, 200, video, VIDEO_TYPE, headers=headers)
    first, last = _span(*wanted.groups(), size_bytes=len(video))
    if first > last:
        headers["Content-Range"] = f"bytes */{len(video)}"
        return Answer.by(rules.VIDEO_RANGE, 416, headers=headers)
    headers["Content-Range"] = f"bytes {first}-{last}/{len(video)}"
    part = video[first : last + 1]
    return Answer.by(rules.VIDEO, 206, part, VIDEO_TYPE, headers=headers)


def _span(first: str, last: str, *, size_bytes: int) -> tuple[int, int]:
    """The first and last octet of a range; what is not there has first > last."""
    if not first:
        return max(0, size_bytes - int(last)), size_bytes - 1
    end = min(int(last), size_bytes - 1) if last else size_bytes - 1
    return int(first), end
