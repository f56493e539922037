# What becomes of an event.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges each event of a connection by ``rules``, and changes nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.connect.signaling.codec import Codec
from moonraker_prusacam.connect.signaling.messages import (
    CameraAuthentication,
    ClientAuthentication,
    ClientTrigger,
    Configuration,
    Features,
    FileList,
    Message,
    ProtocolVersion,
    Status,
    Trigger,
)
from moonraker_prusacam.errors import MessageMalformed

from . import rules
from .behaviour import Behaviour
from .session import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moonraker_prusacam.emulator.connect import LocalCamera, Rule
    from moonraker_prusacam.emulator.connect.account import Account

    from .session import Member, Sessions

CLIENT_TYPES = ("client", "user")
AUTHENTICATIONS: Mapping[str, type[Message]] = {
    "camera_authentication": CameraAuthentication,
    "client_authentication": ClientAuthentication,
}
CAMERA_EVENTS: Mapping[str, type[Message] | None] = {
    "status": Status,
    "features": Features,
    "protobuf_version": ProtocolVersion,
    "client_trigger": ClientTrigger,
    "file_list": FileList,
    "webrtc_connection_info": None,
}
VIEWER_EVENTS: Mapping[str, type[Message]] = {
    "trigger": Trigger,
    "configuration": Configuration,
}
EVENTS = {**AUTHENTICATIONS, **CAMERA_EVENTS, **VIEWER_EVENTS}
# Fields of a trigger, and the event that answers each.
REPLIES = {
    "get_status": "status",
    "get_features": "features",
    "get_protocol": "protobuf_version",
    "get_files": "file_list",
}
REPLY_RULES = {
    "status": rules.REPLY,
    "features": rules.REPLY,
    "protobuf_version": rules.PROTOCOL,
    "file_list": rules.FILES,
}
NUMBERED = ("status", "features", "protobuf_version")


@attrs.frozen
class Verdict:
    """What a rule says of an event.

    ``joins`` is what the connection becomes, with the ``fingerprint`` to be bound.
    ``ack`` is its number, None a receipt without one; ``answered`` is False where there
    is not even that. ``relay_to`` get ``octets``; whoever ``ends`` is disconnected.
    """

    rule: Rule
    ack: int | None = None
    answered: bool = True
    error: str = ""
    ends: bool = False
    joins: tuple[Role, LocalCamera] | None = None
    fingerprint: str = ""
    relay_to: Sequence[Member] = ()
    octets: bytes = b""
    message: Message | None = None


class Judge:
    """Knows the account, who is connected, and what is in doubt."""

    def __init__(self, account: Account, sessions: Sessions) -> None:
        self.behaviour = Behaviour()
        self._account = account
        self._sessions = sessions

    @property
    def codec(self) -> Codec:
        """The codec of the profile that is spoken."""
        return Codec(self.behaviour.profile)

    def judge(self, member: Member, event: str, arguments: Sequence[object]) -> Verdict:
        """What becomes of ``event``; its only argument should be octets."""
        octets = arguments[0] if len(arguments) == 1 else None
        if event == "camera_authentication":
            return self._camera(member, octets)
        if event == "client_authentication":
            return self._viewer(member, octets)
        if event in CAMERA_EVENTS:
            return self._from_camera(member, event, octets)
        if event in VIEWER_EVENTS:
            return self._from_viewer(member, event, octets)
        if event == "webrtc":
            return Verdict(rules.WEBRTC, error=rules.WEBRTC_UNIMPLEMENTED)
        return Verdict(rules.UNKNOWN_EVENT, answered=False)

    def note_asked(self, camera: Member, message: Message | None) -> None:
        """Remember what ``camera`` is asked for."""
        for field, event in REPLIES.items():
            if getattr(message, field, None) is not None:
                camera.asked[event] += 1

    def _camera(self, member: Member, octets: object) -> Verdict:
        try:
            message = self.codec.decode(CameraAuthentication, octets)
        except MessageMalformed:
            return Verdict(rules.CAMERA_UNDECODABLE, rules.ACK_UNDECODABLE)
        token, fingerprint = message.camera_token.reveal(), message.fingerprint
        if self.behaviour.swapped_fields:
            token, fingerprint = fingerprint, token
        camera = self._known(token)
        if not token:
            verdict = Verdict(rules.CAMERA_NO_TOKEN, rules.ACK_NO_TOKEN)
        elif camera is None:
            verdict = Verdict(rules.CAMERA_REFUSED, rules.ACK_NOT_AUTHORISED)
        elif member.role is not None:
            verdict = Verdict(rules.CAMERA_AGAIN, rules.ACK_SESSION_ERROR)
        elif camera.fingerprint not in (None, fingerprint):
            verdict = Verdict(rules.CAMERA_FINGERPRINT, rules.ACK_NOT_AUTHORISED)
        else:
            joins = Role.CAMERA, camera
            verdict = Verdict(
                rules.CAMERA_JOINED,
                rules.ACK_OK,
                joins=joins,
                fingerprint=fingerprint,
            )
        return attrs.evolve(verdict, message=message)

    def _viewer(self, member: Member, octets: object) -> Verdict:
        try:
            message = self.codec.decode(ClientAuthentication, octets)
        except MessageMalformed:
            return Verdict(rules.VIEWER_UNDECODABLE, rules.ACK_UNDECODABLE)
        return attrs.evolve(self._admit(member, message), message=message)

    def _admit(self, member: Member, message: ClientAuthentication) -> Verdict:
        camera = self._known(message.camera_token.reveal())
        rejected = Verdict(rules.VIEWER_REJECTED, rules.ACK_VIEWER_REJECTED)
        if not message.camera_token:
            return Verdict(rules.VIEWER_NO_TOKEN, rules.ACK_NO_TOKEN)
        if member.role is not None:
            return Verdict(rules.VIEWER_AGAIN, rules.ACK_SESSION_ERROR)
        if message.client_type not in CLIENT_TYPES:
            return Verdict(rules.VIEWER_TYPE, rules.ACK_VIEWER_REJECTED)
        if camera is None:
            return rejected
        rule = rules.VIEWER_JOINED
        if not message.jwt and self.behaviour.profile == "seed":
            rule = rules.VIEWER_FINGERPRINT
            if camera.fingerprint is None or camera.fingerprint != message.fingerprint:
                return rejected
        elif message.jwt.reveal() != self._account.session:
            return rejected
        if self._sessions[camera.token].camera is None:
            rule, code = rules.CAMERA_ABSENT, self.behaviour.absent_camera_code
            if code != rules.ACK_OK:
                return Verdict(rule, code)
        return Verdict(rule, rules.ACK_OK, joins=(Role.VIEWER, camera))

    def _from_camera(self, member: Member, event: str, octets: object) -> Verdict:
        is_protocol = event == "protobuf_version"
        if member.role is not Role.CAMERA or self._known(member.token) is None:
            rule = rules.PROTOCOL_STRANGER if is_protocol else rules.CAMERA_STRANGER
            return _refused(rule, rules.ACK_NOT_AUTHORISED, rules.CAMERA_NOT_MEMBER)
        try:
            message = self._decode(CAMERA_EVENTS[event], octets)
        except MessageMalformed:
            return Verdict(rules.CAMERA_EVENT_UNDECODABLE, rules.ACK_UNDECODABLE)
        rule = REPLY_RULES.get(event, rules.PROGRESS)
        if event in REPLY_RULES and not member.asked[event]:
            rule = rules.PROTOCOL_UNASKED if is_protocol else rules.UNASKED
            if is_protocol or self.behaviour.cycle_unasked:
                code = rules.ACK_NOT_AUTHORISED
                return _refused(rule, code, rules.CAMERA_NOT_MEMBER, message)
        elif event != "file_list":  # which may have any number of pages
            member.asked[event] -= 1
        ack = rules.ACK_REPLY if event in NUMBERED else None
        viewers = self._readers(member, message)
        octets = octets if isinstance(octets, bytes) else b""
        return Verdict(rule, ack, relay_to=viewers, octets=octets, message=message)

    def _from_viewer(self, member: Member, event: str, octets: object) -> Verdict:
        if member.role is not Role.VIEWER or self._known(member.token) is None:
            code = rules.ACK_VIEWER_REJECTED
            return _refused(rules.VIEWER_STRANGER, code, rules.CLIENT_NOT_MEMBER)
        try:
            message = self.codec.decode(VIEWER_EVENTS[event], octets)
        except MessageMalformed:
            return Verdict(rules.VIEWER_EVENT_UNDECODABLE, rules.ACK_UNDECODABLE)
        assert isinstance(message, Trigger | Configuration)  # noqa: S101
        if message.camera_token.reveal() not in ("", member.token):
            verdict = Verdict(rules.OTHER_CAMERA, rules.ACK_VIEWER_REJECTED)
            return attrs.evolve(verdict, message=message)
        if self.behaviour.stamp_request_id and not message.request_id:
            message = attrs.evolve(message, request_id=member.sid)
            octets = self.codec.encode(message)
        camera = self._sessions[member.token].camera
        if camera is None:
            code = self.behaviour.away_camera_code
            return Verdict(rules.CAMERA_AWAY, code, message=message)
        return Verdict(
            rules.RELAYED,
            rules.ACK_OK,
            relay_to=(camera,),
            octets=octets if isinstance(octets, bytes) else b"",
            message=message,
        )

    def _readers(self, camera: Member, message: Message | None) -> list[Member]:
        """Who gets what ``camera`` sends."""
        viewers = self._sessions[camera.token].viewers
        if self.behaviour.stamp_request_id:
            asker = getattr(message, "request_id", "")
            of_asker = [viewer for viewer in viewers if viewer.sid == asker]
            return of_asker or viewers
        return viewers

    def _decode(self, kind: type[Message] | None, octets: object) -> Message | None:
        """The message; None of a kind that the profile lacks."""
        codec = self.codec
        if kind is None or not codec.has(kind):
            if not isinstance(octets, bytes):
                raise MessageMalformed("no octets")
            return None
        return codec.decode(kind, octets)

    def _known(self, token: str) -> LocalCamera | None:
        camera = self._account.cameras.get(token)
        return None if camera is None or camera.deleted_at is not None else camera


def _refused(
    rule: Rule, code: int, error: str, message: Message | None = None
) -> Verdict:
    return Verdict(rule, code, error=error, ends=True, message=message)
