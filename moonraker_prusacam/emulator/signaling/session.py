# Who is connected to the local signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections and, once they have authenticated, the sessions that they are part of.

A session is one camera and those who watch it; its name is the camera's token.
"""

from __future__ import annotations

import enum
from collections import Counter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from moonraker_prusacam.emulator.connect import LocalCamera

    from .transport import GuardedSocket


class Role(enum.StrEnum):
    """What a connection has authenticated as."""

    CAMERA = "camera"
    VIEWER = "viewer"


@attrs.define(eq=False)
class Member:
    """One connection; ``role`` and ``camera`` once it has authenticated.

    ``asked`` counts, for a camera, the events that it was asked for and has not sent.
    """

    number: int
    sid: str
    socket: GuardedSocket = attrs.field(repr=False)
    role: Role | None = None
    camera: LocalCamera | None = None
    asked: Counter[str] = attrs.field(factory=Counter)

    @property
    def token(self) -> str:
        """The name of its session, empty while it has none."""
        return self.camera.token if self.camera is not None else ""


@attrs.define(eq=False)
class Session:
    """A camera, if it is connected, and its viewers."""

    camera: Member | None = None
    viewers: list[Member] = attrs.field(factory=list)

    @property
    def members(self) -> list[Member]:
        """All of them, the camera first."""
        return [*([self.camera] if self.camera else []), *self.viewers]


class Sessions:
    """The sessions by their tokens; ``members`` are all connections by their sids."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self._sessions: dict[str, Session] = {}

    def __getitem__(self, token: str) -> Session:
        return self._sessions.get(token) or Session()

    def join(self, member: Member, role: Role, camera: LocalCamera) -> Member | None:
        """Make ``member`` part of a session; the camera whose place it takes."""
        member.role, member.camera = role, camera
        session = self._sessions.setdefault(camera.token, Session())
        if role is Role.VIEWER:
            session.viewers.append(member)
            return None
        before, session.camera = session.camera, member
        return before

    def leave(self, member: Member) -> None:
        """Take ``member`` out of its session, if it has one."""
        session = self._sessions.get(member.token)
        if session is None:
            return
        if session.camera is member:
            session.camera = None
        if member in session.viewers:
            session.viewers.remove(member)
        if not session.members:
            del self._sessions[member.token]
