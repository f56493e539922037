# The rules that the local Prusa Connect goes by with printers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of Prusa Connect for printers that is played here.

*Printer SDK*: the official ``prusa.connect.sdk.printer`` 0.8.1 relies on it.
*Firmware*: the printers' firmware does. *Seen*: the author of a bridge saw it.
"""

from __future__ import annotations

from .rule import RuleBook

_BOOK = RuleBook()
_confirmed, _assumed = _BOOK.confirmed, _BOOK.assumed

_REGISTER = "`POST /p/register`"
_CODE = "`GET /p/register`"
_PRINTER = "`/p/*`"
_TELEMETRY = "`POST /p/telemetry`"
_EVENTS = "`POST /p/events`"
_CAMERA = "`POST /p/camera`"
_FILE = "`GET /p/teams/{team_id}/files/{hash}/raw`"
_ELSEWHERE = "`GET /elsewhere/{hash}/{name}`"
_SOCKET = "`GET /p/ws`"

# In the order in which they are asked.
REGISTER_BODY = _confirmed(
    "register body",
    f"{_REGISTER} without sn, fingerprint or printer_type",
    "400 BAD_REQUEST",
    "printer SDK",
)
REGISTER_TYPE = _assumed(
    "register type",
    f"{_REGISTER}, a printer_type that no client knows",
    "400 BAD_REQUEST",
    "Prusa Connect has no generic type; the answer is a guess",
)
REGISTER = _confirmed("register", _REGISTER, "200, header Code", "printer SDK")
CODE_UNKNOWN = _assumed(
    "code unknown",
    f"{_CODE} with no, a wrong or an old Code",
    "404 NOT_FOUND",
    "a guess",
)
CODE_WAITS = _confirmed(
    "code waits", f"{_CODE} before the user agreed", "202", "printer SDK"
)
REGISTERED = _confirmed(
    "registered", f"{_CODE} after it", "200, header Token", "printer SDK"
)
PRINTER_TOKEN = _assumed(
    "printer token unknown",
    f"{_PRINTER}, no token or not a printer's",
    "401 UNAUTHORIZED, or 403, 404",
    "printer SDK and firmware read 401 and 403 alike",
)
PRINTER_FINGERPRINT = _assumed(
    "printer fingerprint differs",
    _PRINTER,
    "403 FORBIDDEN_INVALID_FINGERPRINT",
    "as of `/c/*`",
)
TELEMETRY_BODY = _assumed(
    "telemetry body",
    f"{_TELEMETRY}, no JSON object with a state that there is",
    "400, Request body validation error",
    "printer SDK: state alone is mandatory; the answer is a guess",
)
NOT_INFORMED = _confirmed(
    "not informed",
    f"{_TELEMETRY} before an INFO since the registration",
    "503 SERVICE_UNAVAILABLE",
    "seen; which text comes with it is a guess",
)
STATE_DIFFERS = _assumed(
    "state differs",
    f"{_TELEMETRY}, another state than the last event told",
    "taken and noted, or 503",
    "503 was seen for states that do not fit together; which ones is open",
)
COMMAND = _confirmed(
    "command",
    f"{_TELEMETRY}, a command is due",
    "200, header Command-Id; JSON, or G-code with or without `Force: 1`",
    "printer SDK",
)
TELEMETRY = _confirmed("telemetry", _TELEMETRY, "204", "printer SDK")
EVENT_BODY = _assumed(
    "event body",
    f"{_EVENTS}, no JSON object with event, source and data, or a wrong type",
    "400, Request body validation error",
    "printer SDK always sends the three; the answer is a guess",
)
EVENT_NAME = _assumed(
    "event name",
    f"{_EVENTS}, an event, source or state that there is not",
    "400, Request body validation error",
    "the names are the printer SDK's; the answer is a guess",
)
EVENT_ANSWER = _assumed(
    "answer to nothing",
    f"{_EVENTS}, a command_id that was never sent, or ACCEPTED or FINISHED without one",
    "400, Request body validation error",
    "a guess",
)
EVENT = _confirmed("event", _EVENTS, "204", "printer SDK")
CAMERA_BODY = _assumed(
    "camera body",
    f"{_CAMERA} without config.name or fingerprint",
    "400, Request body validation error",
    "a guess, as of `/c/info`",
)
CAMERA_MADE = _confirmed("camera made", _CAMERA, "200, header Token", "printer SDK")
FILE_UNKNOWN = _assumed(
    "file unknown",
    f"{_FILE}, no such file of that team",
    "404 NOT_FOUND",
    "a guess",
)
FILE_RANGE = _assumed(
    "file range",
    f"{_FILE} with a Range that it does not have, where ranges are served",
    "416 and `Content-Range: bytes */size`",
    "RFC 9110",
)
FILE = _confirmed(
    "file",
    _FILE,
    "200, application/octet-stream; 206 where ranges are served",
    "printer SDK, which never asks for a range; those are a guess",
)
ELSEWHERE_UNKNOWN = _assumed(
    "elsewhere unknown", f"{_ELSEWHERE}, no such file", "404 NOT_FOUND", "any server"
)
ELSEWHERE_RANGE = _assumed(
    "elsewhere range",
    f"{_ELSEWHERE} with a Range that it does not have, where ranges are served",
    "416 and `Content-Range: bytes */size`",
    "RFC 9110",
)
ELSEWHERE = _assumed(
    "elsewhere",
    f"{_ELSEWHERE}, a server that is not Prusa Connect",
    "200, application/octet-stream; 206 where ranges are served",
    "any server; a printer's token is not meant for it",
)
SOCKET_HANDSHAKE = _assumed(
    "socket handshake",
    f"{_SOCKET}, no handshake of RFC 6455",
    "400 BAD_REQUEST",
    "RFC 6455",
)
SOCKET_PROTOCOL = _assumed(
    "socket protocol",
    f"{_SOCKET} without the subprotocol prusa-connect, if it is demanded",
    "400 BAD_REQUEST",
    "firmware offers it, the printer SDK's next version does not",
)
SOCKET = _confirmed(
    "socket",
    _SOCKET,
    "101, the subprotocol prusa-connect if it was offered; an older one ends, "
    "which is a guess",
    "firmware; the printer SDK's next version",
)
SOCKET_REVOKED = _assumed(
    "socket revoked",
    f"{_SOCKET}, then a message when the printer was removed or registers again",
    "closed with 1008",
    "a guess",
)
MESSAGE = _assumed(
    "socket message",
    f"{_SOCKET}, then no JSON object in a text message",
    "closed with 1008",
    "telemetry and events are JSON texts; the end is a guess",
)

PRINTER_RULES = _BOOK.rules
