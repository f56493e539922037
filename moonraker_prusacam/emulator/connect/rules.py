# The rules that the local Prusa Connect goes by with cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of Prusa Connect for cameras and the web page that is played here."""

from __future__ import annotations

from .rule import RuleBook

_BOOK = RuleBook()
_confirmed, _assumed = _BOOK.confirmed, _BOOK.assumed

_CAMERA = "`/c/*`"
_SNAPSHOT = "`PUT /c/snapshot`"
_INFO = "`PUT /c/info`"
_WEB = "`/app/*`"
_VIDEO = "`GET /c/timelapse/{token}/{job_name}.mp4`"
_VIDEO_UP = "`PUT /c/timelapse/{token}/{job_name}.mp4`"

# In the order in which they are asked.
TOKEN_MISSING = _confirmed("token missing", _CAMERA, "401 UNAUTHORIZED", "OpenAPI")
TOKEN_UNKNOWN = _assumed(
    "token unknown",
    _CAMERA,
    "401 UNAUTHORIZED, or 403, 404",
    "OpenAPI has all three and does not say when",
)
CAMERA_DELETED = _confirmed("camera deleted", _CAMERA, "404 NOT_FOUND", "OpenAPI")
FINGERPRINT_MISSING = _assumed(
    "fingerprint missing", _CAMERA, "401 UNAUTHORIZED", "OpenAPI requires the header"
)
FINGERPRINT_LENGTH = _assumed(
    "fingerprint length",
    _CAMERA,
    "400 BAD_REQUEST",
    "OpenAPI: 16 to 64 characters; the answer is a guess",
)
BROWSER_CAMERA = _confirmed(
    "browser camera",
    f"{_CAMERA}, token of origin WEB",
    "400, Invalid fingerprint",
    "users' reports",
)
FINGERPRINT_DIFFERS = _confirmed(
    "fingerprint differs",
    _CAMERA,
    "403 FORBIDDEN_INVALID_FINGERPRINT, or 400, Invalid fingerprint",
    "users' reports; which of the two comes when is open",
)
CHUNKED = _assumed(
    "chunked",
    _SNAPSHOT,
    "413 PAYLOAD_TOO_LARGE",
    "OpenAPI's text of 413; clients that stream are told to send a length",
)
EMPTY = _confirmed("empty", _SNAPSHOT, "400 in HTML", "users' reports")
TOO_LARGE = _assumed(
    "too large",
    _SNAPSHOT,
    "413 PAYLOAD_TOO_LARGE",
    "OpenAPI: 16 MB; 16 MiB and the answer are a guess",
)
MEDIA_TYPE = _assumed(
    "media type",
    _SNAPSHOT,
    "400 BAD_REQUEST unless image/jpg or image/jpeg",
    "OpenAPI knows image/jpg only; clients that send none have worked",
)
TOO_FAST = _assumed(
    "too fast",
    f"{_SNAPSHOT}, 10 s not over",
    "taken and marked, or 429",
    "Prusa's camera firmware keeps to 10 s; the real answer is unknown",
)
HIDDEN = _confirmed(
    "hidden",
    f"{_SNAPSHOT}, printer offline",
    "as accepted, the picture is thrown away",
    "users' reports",
)
OFFLINE_REFUSED = _assumed(
    "printer offline",
    f"{_SNAPSHOT}, printer offline",
    "refused, if so switched",
    "one report says so, without the answer",
)
ACCEPTED = _confirmed(
    "accepted",
    _CAMERA,
    "204 for a picture, or 200; 200 and the record for an info",
    "OpenAPI: 204; seen in 2026: 200. The first one binds the fingerprint",
)
INFO = _confirmed(
    "info",
    f"{_INFO}, no JSON object with `config.name`",
    "400, Request body validation error",
    "OpenAPI; a flat body was seen to be refused",
)
INFO_VALUE = _assumed(
    "info value",
    f"{_INFO}, name over 64 characters, unknown trigger_scheme",
    "400, Request body validation error",
    "OpenAPI has the limits; the answer is a guess",
)
INFO_SCHEME = _assumed(
    "info scheme",
    f"{_INFO}, a scheme was chosen in the web page",
    "200, the record holds the chosen one",
    "a client that works follows it; which one wins is open",
)
WEB_LOGIN = _assumed(
    "web login", _WEB, "401 unless cookie SESSID or a Bearer token", "OpenAPI: cookie"
)
WEB_NOT_FOUND = _confirmed(
    "web not found", _WEB, "400 or 404 for what does not exist", "OpenAPI"
)
WEB_CAMERA = _confirmed(
    "web camera",
    "`POST /app/printers/{uuid}/camera?origin=`",
    "201 and the record; origin WEB if none is given",
    "OpenAPI",
)
WEB_PRINTER = _confirmed(
    "add printer",
    "`GET`, `POST /add-printer/connect/{printer_type}/{code}`",
    "200, a page whose button is the `POST`, which agrees to the registration",
    "printer SDK: the address; the page is our own, and wants no login",
)
NO_IMAGE = _confirmed(
    "no image",
    "`GET /app/cameras/{id}/snapshots/last`",
    "404 NOT_FOUND_SNAPSHOT",
    "users' reports",
)
IMAGE = _confirmed(
    "image", "`GET /app/cameras/{id}/snapshots/last`", "200, or 304", "API's clients"
)
TRIGGERED = _assumed(
    "triggered",
    "`POST /app/cameras/{token}/snapshots`",
    "204; counted, and told to the camera's socket if it has one",
    "API's clients; the answer is a guess",
)
ENVIRONMENT = _confirmed(
    "environment", "`GET /environment.js`", "200, JavaScript", "the web page"
)
VIDEO_LOGIN = _assumed(
    "video login",
    _VIDEO,
    "401 unless Token and Fingerprint, or a Bearer token",
    "one guess, see below",
)
VIDEO_OF_ANOTHER = _assumed(
    "video of another camera", _VIDEO, "403 FORBIDDEN", "a guess"
)
VIDEO_MISSING = _assumed(
    "video missing",
    f"{_VIDEO} before it was uploaded",
    "404 NOT_FOUND",
    "a guess",
)
VIDEO_RANGE = _assumed(
    "video range",
    f"{_VIDEO} with a Range that it does not have",
    "416 and `Content-Range: bytes */size`",
    "RFC 9110",
)
VIDEO = _assumed(
    "video",
    _VIDEO,
    "200; 206 for one Range, unless If-Range names another ETag",
    "one guess; RFC 9110",
)
VIDEO_EMPTY = _assumed(
    "video empty", f"{_VIDEO_UP} without a body", "400 BAD_REQUEST", "a guess"
)
VIDEO_UPLOADED = _assumed(
    "video uploaded", _VIDEO_UP, "201; 204 if there was one", "a guess"
)
ENDPOINT = _assumed(
    "endpoint unknown", "anything else", "404 NOT_FOUND_ENDPOINT", "the code was seen"
)

RULES = _BOOK.rules
