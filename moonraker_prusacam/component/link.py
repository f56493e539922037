# The link to the engine: there as often as the engine is.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps one identified connection to the engine, for ever.

The link is *up* from the engine's answer to ``engine.identify`` until the connection
ends. Its owner is told of every change of state, and so is the log, once.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .connection import EngineConnection
from .deadline import within
from .errors import EngineAbsent, LinkError, MalformedAnswer

if TYPE_CHECKING:
    from pathlib import Path
    from typing import NoReturn

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 0.5
CALL_TIMEOUT_S = 5.0
UPLOAD_TIMEOUT_S = 45.0
"""``connect.upload`` waits for Prusa Connect, for up to 40 s."""

BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 5.0
STABLE_AFTER_S = 5.0
"""A connection that was up for this long starts the back-off anew."""

NOT_STARTED = "the link is not started"


@dataclass(frozen=True)
class EngineIdentity:
    """The answer to ``engine.identify``; ``instance`` is new for every process.

    ``frames_path`` is where the newest frames are, for the timelapse panels.
    """

    version: str
    instance: str
    timelapse_path: str | None
    frames_path: str | None

    @classmethod
    def parse(cls, result: object) -> EngineIdentity:
        """Read the engine's answer; raises MalformedAnswer."""
        fields = result if isinstance(result, dict) else {}
        instance = fields.get("instance")
        videos, frames = fields.get("timelapse_path"), fields.get("frames_path")
        if not isinstance(instance, str) or not instance:
            raise MalformedAnswer("it did not identify itself as the camera engine")
        return cls(
            version=str(fields.get("version")),
            instance=instance,
            timelapse_path=videos if isinstance(videos, str) else None,
            frames_path=frames if isinstance(frames, str) else None,
        )


class LinkOwner(Protocol):
    """Who is told what happens on the link; must not block."""

    def link_up(self, identity: EngineIdentity) -> None:
        """The engine is connected and identified."""

    def link_down(self, reason: str) -> None:
        """The engine went away, or is away for another reason than before."""

    def engine_notified(self, method: str, params: dict[str, Any]) -> None:
        """The engine sent a notification."""


class EngineLink:
    """Connects, identifies, and comes back by itself; calls fail fast while down."""

    def __init__(self, socket_path: Path, client_version: str, owner: LinkOwner):
        self._path = str(socket_path)
        self._client_version = client_version
        self._owner = owner
        self._task: asyncio.Task[None] | None = None
        self._connection: EngineConnection | None = None
        self._up_at_s: float | None = None
        self._reason = NOT_STARTED

    @property
    def is_up(self) -> bool:
        """Whether calls can reach the engine."""
        return self._connection is not None

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._task = asyncio.get_running_loop().create_task(
            self._run(), name="prusacam:link"
        )

    async def aclose(self) -> None:
        """Disconnect for good; calls that wait fail. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._reason = "the link is closed"

    def request(
        self, method: str, params: dict[str, Any], timeout_s: float = CALL_TIMEOUT_S
    ) -> asyncio.Future[Any]:
        """Send a request; the future gets its result or a LinkError.

        Raises a LinkError at once if it cannot be sent.
        """
        return self._connected().request(method, params, timeout_s)

    async def call(
        self, method: str, params: dict[str, Any], timeout_s: float = CALL_TIMEOUT_S
    ) -> Any:
        """Send a request and return its result; raises LinkError."""
        return await self.request(method, params, timeout_s)

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification; raises LinkError if it cannot be sent."""
        self._connected().notify(method, params)

    def _connected(self) -> EngineConnection:
        if self._connection is None:
            raise EngineAbsent(f"The camera engine is not available: {self._reason}")
        return self._connection

    async def _run(self) -> None:
        delay_s = BACKOFF_FIRST_S
        while True:
            try:
                await self._session()
            except LinkError as error:
                reason = str(error)
            except Exception:
                log.exception("prusacam: the link to the engine failed")
                reason = "an internal error, see the log"
            if self._went_down(reason) > STABLE_AFTER_S:
                delay_s = BACKOFF_FIRST_S
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, BACKOFF_MAX_S)

    async def _session(self) -> NoReturn:
        """Connect and stay as long as it lasts; raises LinkError at the end."""
        connection = await self._connect()
        reading = asyncio.get_running_loop().create_task(
            connection.run(), name="prusacam:read"
        )
        try:
            identity = EngineIdentity.parse(
                await connection.request(
                    "engine.identify",
                    {"client": "moonraker", "version": self._client_version},
                    CALL_TIMEOUT_S,
                )
            )
            self._connection = connection
            self._went_up(identity)
            await reading
        finally:
            self._connection = None
            connection.abort("the link was closed")
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _connect(self) -> EngineConnection:
        try:
            return await within(
                CONNECT_TIMEOUT_S,
                EngineConnection.connect(self._path, self._owner.engine_notified),
            )
        except asyncio.TimeoutError:
            raise EngineAbsent(f"{self._path} does not accept connections") from None
        except OSError as error:
            raise EngineAbsent(f"{self._path}: {error.strerror or error}") from None

    def _went_up(self, identity: EngineIdentity) -> None:
        self._up_at_s = asyncio.get_running_loop().time()
        self._reason = ""
        log.info(
            "prusacam: connected to the engine, version %.40s, instance %.40s",
            identity.version,
            identity.instance,
        )
        self._owner.link_up(identity)

    def _went_down(self, reason: str) -> float:
        """Tell what changed; the seconds that the link was up (0 if it was not)."""
        up_at_s, self._up_at_s = self._up_at_s, None
        if reason != self._reason:
            first = up_at_s is not None or self._reason == NOT_STARTED
            log.log(
                logging.WARNING if first else logging.DEBUG,
                "prusacam: no engine: %s",
                reason,
            )
            self._reason = reason
            self._owner.link_down(reason)
        return 0 if up_at_s is None else asyncio.get_running_loop().time() - up_at_s
