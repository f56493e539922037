# The rules that the local signalling service goes by.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of the cameras' signalling service, and how well it is known.

*Confirmed*: clients that work with the real service rely on it, somebody showed its
answer, or a camera's firmware has it. *Assumed*: a guess; ``Behaviour`` switches the
doubtful ones. A test that leans on an assumed rule proves nothing of the real service.
"""

from __future__ import annotations

from moonraker_prusacam.emulator.connect.rule import Evidence, Rule

# Acknowledgements (firmware; clients).
ACK_OK = 0
ACK_NOT_AUTHORISED = 1
ACK_SESSION_ERROR = 2
ACK_NO_TOKEN = 3
ACK_UNDECODABLE = 4
ACK_VIEWER_REJECTED = 5
ACK_REPLY = 1001
# Texts of the event ``error`` (seen).
CAMERA_NOT_MEMBER = "CameraIsNotSessionMemberError"
CLIENT_NOT_MEMBER = "ClientIsNotSessionMemberError"
WEBRTC_UNIMPLEMENTED = "webrtc - Error: Unimplemented type: 0"

_RULES: list[Rule] = []


def _confirmed(name: str, event: str, answer: str, source: str) -> Rule:
    _RULES.append(Rule(name, event, answer, Evidence.CONFIRMED, source))
    return _RULES[-1]


def _assumed(name: str, event: str, answer: str, source: str) -> Rule:
    _RULES.append(Rule(name, event, answer, Evidence.ASSUMED, source))
    return _RULES[-1]


_DOOR = "`GET /socket.io/`"
_CAMERA = "`camera_authentication`"
_VIEWER = "`client_authentication`"
_OF_CAMERA = "a camera's event"
_OF_VIEWER = "`trigger`, `configuration`"

POLLING = _assumed(
    "polling",
    f"{_DOOR} with transport=polling",
    "400",
    "clients that work use WebSocket alone",
)
ENGINE_VERSION = _assumed(
    "engine version", f"{_DOOR} without EIO=4", "400", "clients that work send 4"
)
ORIGIN_MISSING = _assumed(
    "origin missing",
    f"{_DOOR} without Origin",
    "403, if so switched",
    "one viewer says that it is needed, another does without",
)
CONNECT_TOKEN = _assumed(
    "connect token",
    "CONNECT without auth.token",
    "CONNECT_ERROR",
    "clients that work send one; the answer is a guess",
)
CONNECTED = _confirmed("connected", "CONNECT", "CONNECT with sid", "Socket.IO protocol")
CAMERA_UNDECODABLE = _confirmed(
    "camera undecodable", f"{_CAMERA}, no such message", "ack 4", "firmware"
)
CAMERA_NO_TOKEN = _confirmed("camera without token", _CAMERA, "ack 3", "firmware")
CAMERA_REFUSED = _confirmed(
    "camera refused",
    f"{_CAMERA}, token unknown or deleted",
    "ack 1",
    "firmware; seen with the two fields swapped",
)
CAMERA_AGAIN = _assumed(
    "camera again",
    f"{_CAMERA} where the connection has authenticated",
    "ack 2",
    "firmware: the session cannot be joined; when that is, is a guess",
)
CAMERA_FINGERPRINT = _assumed(
    "camera fingerprint differs",
    f"{_CAMERA}, not the one that is bound",
    "ack 1",
    "as of `/c/*`",
)
CAMERA_JOINED = _confirmed(
    "camera joined",
    _CAMERA,
    "ack 0; another connection of that camera ends, which is a guess",
    "firmware; seen",
)
VIEWER_UNDECODABLE = _assumed(
    "viewer undecodable", f"{_VIEWER}, no such message", "ack 4", "as of cameras"
)
VIEWER_NO_TOKEN = _assumed("viewer without token", _VIEWER, "ack 3", "as of cameras")
VIEWER_AGAIN = _assumed(
    "viewer again",
    f"{_VIEWER} where the connection has authenticated",
    "ack 2",
    "as of cameras",
)
VIEWER_REJECTED = _confirmed(
    "viewer rejected",
    f"{_VIEWER}, camera unknown, or not that account's",
    "ack 5",
    "seen by viewers",
)
VIEWER_TYPE = _assumed(
    "viewer type",
    f"{_VIEWER}, client_type neither client nor user",
    "ack 5",
    "only client was seen",
)
VIEWER_FINGERPRINT = _assumed(
    "viewer by fingerprint",
    f"{_VIEWER} without JWT, profile seed",
    "ack 0 for the camera's own fingerprint",
    "one guess: the JWT is optional there",
)
CAMERA_ABSENT = _assumed(
    "camera absent",
    f"{_VIEWER} while the camera is not connected",
    "ack 0, or 5",
    "open: 5 may have meant this",
)
VIEWER_JOINED = _confirmed("viewer joined", _VIEWER, "ack 0", "seen by viewers")
PROTOCOL_STRANGER = _confirmed(
    "protocol from a stranger",
    "`protobuf_version` before ack 0",
    "ack 1, error CameraIsNotSessionMemberError, disconnected",
    "seen",
)
CAMERA_STRANGER = _assumed(
    "camera is no member",
    f"{_OF_CAMERA} before ack 0",
    "ack 1, error CameraIsNotSessionMemberError, disconnected",
    "as of `protobuf_version`",
)
CAMERA_EVENT_UNDECODABLE = _assumed(
    "event undecodable",
    f"{_OF_CAMERA}, no such message",
    "ack 4; it goes no further",
    "a guess",
)
PROTOCOL_UNASKED = _confirmed(
    "protocol unasked",
    "`protobuf_version` that nobody asked for",
    "ack 1, error CameraIsNotSessionMemberError, disconnected",
    "seen",
)
UNASKED = _assumed(
    "unasked",
    "`status`, `features`, `file_list` that nobody asked for",
    "as if asked for, and marked; or as `protobuf_version`",
    "cameras that work never do it",
)
REPLY = _confirmed("reply", "`status`, `features`", "ack 1001; to the viewers", "seen")
PROTOCOL = _assumed(
    "protocol version",
    "`protobuf_version` that was asked for",
    "ack 1001; to the viewers",
    "as of `status`",
)
PROGRESS = _confirmed(
    "client trigger", "`client_trigger`", "receipt; to the viewers", "firmware"
)
FILES = _assumed("file list", "`file_list`", "receipt; to the viewers", "firmware")
VIEWER_STRANGER = _confirmed(
    "viewer is no member",
    f"{_OF_VIEWER} before ack 0",
    "ack 5, error ClientIsNotSessionMemberError, disconnected",
    "the error was seen; ack and end are a guess",
)
VIEWER_EVENT_UNDECODABLE = _assumed(
    "request undecodable",
    f"{_OF_VIEWER}, no such message",
    "ack 4; it goes no further",
    "a guess",
)
OTHER_CAMERA = _assumed(
    "other camera",
    f"{_OF_VIEWER} with another camera's token",
    "ack 5; it goes no further",
    "a guess",
)
CAMERA_AWAY = _assumed(
    "camera away",
    f"{_OF_VIEWER} while the camera is not connected",
    "ack 0 and lost, or ack 5",
    "a guess",
)
RELAYED = _confirmed("relayed", _OF_VIEWER, "ack 0; to the camera", "seen")
WEBRTC = _assumed(
    "webrtc",
    "`webrtc`",
    "error webrtc - Error: Unimplemented type: 0",
    "the text was seen; here it is the only answer",
)
UNKNOWN_EVENT = _assumed("unknown event", "anything else", "nothing", "a guess")
REVOKED = _assumed(
    "token revoked",
    "the camera is deleted while connected",
    "the error of its role, disconnected",
    "a guess",
)

RULES = tuple(_RULES)
