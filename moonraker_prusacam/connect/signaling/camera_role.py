# A camera of ours that answers as a camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets Prusa Connect's web page and app ask and control one of our cameras.

Experimental. Source of the rules: what a camera's firmware does, and what one project
that did the same learnt from the live service. After the authentication nothing is
sent but answers: one message too many, and the server ends the session.

Whoever watches the camera can send triggers. So each is bounded, counted and limited
in its rate, and does nothing but what ``CameraActions`` offers; those that make no
sense, or ask for more, are refused without an answer, as a camera does.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.errors import (
    MessageMalformed,
    SignalingError,
    SignalingUnavailable,
)
from moonraker_prusacam.secret import Secret
from moonraker_prusacam.tasks import TaskOwner
from moonraker_prusacam.version import __version__

from .allowance import Allowance
from .camera_reactions import Asked, Identity, Reactions
from .codec import Codec
from .messages import CameraAuthentication, Configuration, Trigger
from .session import Endpoint, Role, Session, SessionState

if TYPE_CHECKING:
    from .camera_actions import CameraActions
    from .messages import Message

log = logging.getLogger(__name__)

BURST, PER_S = 20.0, 2.0  # of triggers and configurations, from all viewers together
MAX_QUEUED = 16
MAX_REQUEST_ID = 64

KINDS: dict[str, type[Trigger | Configuration]] = {
    "trigger": Trigger,
    "configuration": Configuration,
}


@attrs.frozen(kw_only=True)
class CameraRoleOptions:
    """One camera of ours, as which it goes to the signalling server."""

    name: str
    token: Secret
    fingerprint: str
    url: str | None = None
    server: str = "https://connect.prusa3d.com"
    origin: str | None = None
    profile: str = "wire"
    firmware: str = __version__
    hardware: str = "moonraker-prusacam"


class CameraRole:
    """One camera of ours as a camera. An address that is none raises ConfigError."""

    def __init__(self, options: CameraRoleOptions, actions: CameraActions) -> None:
        self.options = options
        self.refused = 0
        self.last_refused = ""
        self.ignored = 0  # events that are nothing for us
        self._codec = Codec(options.profile)
        self._allowance = Allowance(BURST, PER_S)
        self._asked: asyncio.Queue[Asked] = asyncio.Queue(MAX_QUEUED)
        self._reactions = Reactions(
            Identity(
                name=options.name,
                token=options.token,
                firmware=options.firmware,
                hardware=options.hardware,
                profile=options.profile,
            ),
            actions,
            self._emit,
            self._refuse,
        )
        self._tasks = TaskOwner(f"camera role:{options.name}")
        first_word = CameraAuthentication(
            camera_token=options.token, fingerprint=options.fingerprint
        )
        self._session = Session(
            Endpoint(
                token=options.token,
                url=options.url,
                server=options.server,
                origin=options.origin,
            ),
            Role(
                subject=f"camera {options.name} at Prusa Connect",
                event="camera_authentication",
                first_word=self._codec.encode(first_word),
                receive=self._receive,
                left=lambda _: None,  # answers know their session
                secrets=(options.token, Secret(options.fingerprint)),
            ),
        )
        self.on_state = self._session.on_state
        self.on_error = self._session.on_error

    @property
    def state(self) -> SessionState:
        """Where it stands."""
        return self._session.state

    async def start(self) -> None:
        """Connect, and connect again, in the background; returns at once."""
        self._tasks.start("answers", self._run())
        await self._session.start()

    async def aclose(self) -> None:
        """Take leave; what is under way is abandoned. Idempotent."""
        await self._session.aclose()
        await self._tasks.aclose()
        await self._reactions.aclose()

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until the server has accepted us; raises as Session does."""
        await self._session.wait_ready(timeout_s)

    def report(self) -> dict[str, Any]:
        """State, address and counts, for people."""
        return {
            **self._session.report(),
            "answered": self._reactions.answered,
            "refused": self.refused,
            "last_refused": self.last_refused,
            "ignored": self.ignored,
        }

    def _receive(self, event: str, value: object) -> None:
        kind = KINDS.get(event)
        if kind is None:
            self.ignored += 1
            return
        if not self._allowance.take(asyncio.get_running_loop().time()):
            self._refuse("more questions than are answered")
            return
        try:
            message = self._codec.decode(kind, value)
        except MessageMalformed as error:
            self._session.complain(str(error))
            return
        if message.camera_token != self.options.token:
            self._refuse(f"a {event} for another camera")
        elif len(message.request_id) > MAX_REQUEST_ID:
            self._refuse(f"a {event} whose request_id is too long to be one")
        elif self._asked.full():
            self._refuse("more questions than can wait")
        else:
            self._asked.put_nowait(Asked(message, self._session.sessions))

    async def _run(self) -> None:
        while True:
            asked = await self._asked.get()
            try:
                await self._reactions.react(asked)
            except SignalingError as error:
                log.debug("camera %s: not answered: %s", self.options.name, error)
            except Exception:
                log.exception("camera %s: an answer failed", self.options.name)

    async def _emit(self, asked: Asked, event: str, message: Message) -> None:
        if asked.session != self._session.sessions:
            raise SignalingUnavailable("the session in which it was asked is over")
        await self._session.emit(
            event, self._codec.encode(self._codec.fitting(message))
        )

    def _refuse(self, words: str) -> None:
        """Count what is not done; the first one is logged."""
        self.refused += 1
        self.last_refused = words
        if self.refused == 1:
            log.warning(
                "camera %s: Prusa Connect asked for %s; it is refused, and more of the "
                "kind is only counted",
                self.options.name,
                words,
            )
