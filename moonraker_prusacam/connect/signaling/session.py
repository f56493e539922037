# A session with the signalling server, kept for ever.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connects, authenticates, and does both again whenever the session is lost.

What a viewer and a camera have in common. Nothing is sent before the authentication is
acknowledged, and every connection authenticates anew: the server ties both to the
connection. Outages are tried again soon, then less and less often; refusals, which
only a person can mend, seldom from the beginning.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from moonraker_prusacam.connect.refusals import one_line
from moonraker_prusacam.connect.schedule import BackOff
from moonraker_prusacam.errors import (
    ClosedError,
    SignalingError,
    SignalingRefused,
    SignalingUnavailable,
)
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.tasks import TaskOwner

from .acknowledgement import check
from .connection import Address, Connection
from .environment import read_signaling_url, signaling_url
from .socket_io import Ears

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from moonraker_prusacam.secret import Secret

log = logging.getLogger(__name__)

FIRST_DELAY_S, LAST_DELAY_S = 1.0, 120.0  # after outages
FIRST_REFUSED_S, LAST_REFUSED_S = 300.0, 1800.0  # after refusals
STEADY_S = 60.0  # so long a session lasts before outages are forgotten
# Of the texts with which the server ends a membership: CameraIsNotSessionMemberError,
# ClientIsNotSessionMemberError.
NOT_A_MEMBER = "NotSessionMember"
ERROR = "error"
MAX_SAID, MAX_WORDS = 1000, 200  # what is looked at, and shown, of others' words


class SessionState(enum.StrEnum):
    """Where a session stands; ``refused`` is tried again, but seldom."""

    CONNECTING = "connecting"
    READY = "ready"
    REFUSED = "refused"
    CLOSED = "closed"


@attrs.frozen(kw_only=True)
class Endpoint:
    """How to get to the server; without ``url``, the Prusa Connect at ``server`` knows.

    ``url`` and ``origin`` are as in the configuration.
    """

    token: Secret
    url: str | None = None
    server: str
    origin: str | None = None


@attrs.frozen(kw_only=True)
class Role:
    """As whom to be in a session.

    ``receive`` gets each event with its one value, ``left`` the reason whenever a
    session that was ready is lost; ``secrets`` are masked in what the server says.
    """

    subject: str  # for the log
    event: str
    first_word: bytes
    receive: Callable[[str, object], None]
    left: Callable[[SignalingError], None]
    secrets: tuple[Secret, ...]


class Session:
    """One role at one server. See the module.

    Raises ConfigError for an address that is none.
    """

    def __init__(self, endpoint: Endpoint, role: Role) -> None:
        self.state = SessionState.CONNECTING
        self.error: SignalingError | None = None  # why it is not ready
        self.on_state: list[Callable[[], None]] = []
        self.on_error: list[Callable[[str], None]] = []
        self.malformed = 0  # packets and messages
        self.last_malformed = ""
        self.sessions = 0  # that became ready
        self._endpoint = endpoint
        self._role = role
        self._url = endpoint.url and signaling_url(endpoint.url)
        self._connection: Connection | None = None
        self._changed = asyncio.Event()
        self._state_log = StateLog(log, role.subject)
        self._mistake_logger = StateLog(log, f"{role.subject}, a mistake of ours")
        self._tasks = TaskOwner(f"signaling:{role.subject}")

    async def start(self) -> None:
        """Begin; returns at once."""
        if self.state is SessionState.CLOSED:
            raise ClosedError(f"{self._role.subject} is closed")
        self._tasks.start("session", self._run())

    async def aclose(self) -> None:
        """Take leave and end. Idempotent."""
        await self._tasks.aclose()
        if self.state is not SessionState.CLOSED:
            self._change(SessionState.CLOSED, None)

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait for the state ``ready``.

        Raises SignalingRefused as soon as it is ``refused``, SignalingUnavailable after
        ``timeout_s``, ClosedError when it is closed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self.state is not SessionState.READY:
                    if self.state is not SessionState.CONNECTING:
                        self._raise_unready()
                    await self._changed.wait()
        except TimeoutError:
            reason = self.error or "there has been no answer yet"
            raise SignalingUnavailable(
                f"no session within {timeout_s:g} s: {reason}",
                advice=self.error.advice if self.error else "",
            ) from None

    async def emit(self, event: str, octets: bytes) -> None:
        """Send ``event``; without a session, raises why there is none."""
        await self._ready().emit(event, octets)

    @property
    def sid(self) -> str:
        """Our id, by which the server tells viewers apart; "" without a session."""
        return self._connection.sid if self._connection else ""

    def complain(self, words: str) -> None:
        """Count what makes no sense; the first one is logged."""
        self.malformed += 1
        self.last_malformed = words
        if self.malformed == 1:
            log.warning(
                "%s: %s; it is ignored, and more of the kind is only counted",
                self._role.subject,
                words,
            )

    def report(self) -> dict[str, Any]:
        """State and counts, for people."""
        return {
            "state": str(self.state),
            "reason": str(self.error or ""),
            "advice": self.error.advice if self.error else "",
            "server": self._url,
            "sessions": self.sessions,
            "malformed": self.malformed,
            "last_malformed": self.last_malformed,
        }

    async def _run(self) -> None:
        outages = BackOff(FIRST_DELAY_S, LAST_DELAY_S)
        refusals = BackOff(FIRST_REFUSED_S, LAST_REFUSED_S)
        loop = asyncio.get_running_loop()
        while True:
            sessions, began_s = self.sessions, loop.time()
            try:
                error = await self._attend()
            except SignalingError as raised:
                error = raised
            except Exception:
                self._mistake_logger.exception()
                error = SignalingUnavailable("an error in this program; see the log")
            if self.sessions > sessions:
                refusals.reset()
                # A server that lets us in and throws us out at once is not well.
                if loop.time() - began_s >= STEADY_S:
                    outages.reset()
            self._miss(error)
            seldom = isinstance(error, SignalingRefused) and not error.retryable
            await asyncio.sleep((refusals if seldom else outages).next_s())

    async def _attend(self) -> SignalingError:
        """One session; returns or raises what ended it."""
        async with self._opened() as connection:
            answer = await connection.call(self._role.event, self._role.first_word)
            check(self._role.event, answer)
            self._connection = connection
            self.sessions += 1
            self._change(SessionState.READY, None)
            try:
                await asyncio.wait({connection.lost})
            finally:
                self._connection = None
                self._role.left(_reason(connection))
            error = connection.lost.result()
            self._miss(error)  # before the leave is taken, which may last
            return error

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Connection]:
        if self._url is None:
            self._url = await read_signaling_url(self._endpoint.server)
        connection = Connection(
            Address(
                url=self._url,
                token=self._endpoint.token,
                origin=self._endpoint.origin,
            ),
            Ears(self._receive, self.complain, self._quoted),
        )
        try:
            try:
                await connection.open()
            except SignalingError:
                if self._endpoint.url is None:
                    self._url = None  # it may have moved
                raise
            yield connection
        finally:
            await connection.aclose()

    def _receive(self, event: str, values: tuple[object, ...]) -> None:
        if len(values) != 1:
            self.complain(
                f"the event {self._quoted(event)} has {len(values)} values instead of 1"
            )
        elif event == ERROR:
            self._hear_error(values[0])
        else:
            self._role.receive(event, values[0])

    def _hear_error(self, said: object) -> None:
        if isinstance(said, bytes):
            said = said.decode(errors="replace")
        if not isinstance(said, str):
            self.complain(f"an error came as {type(said).__name__}, not as text")
            return
        words = self._quoted(said)
        tell(self.on_error, words)
        if NOT_A_MEMBER in words and self._connection is not None:
            self._connection.end(
                SignalingUnavailable(f"the server has ended the session ({words})")
            )

    def _quoted(self, text: str) -> str:
        """What somebody else said, fit to be shown."""
        for secret in self._role.secrets:
            if secret:
                text = text.replace(secret.reveal(), str(secret))
        return one_line(text[:MAX_SAID])[:MAX_WORDS]

    def _ready(self) -> Connection:
        if self._connection is None:
            self._raise_unready()
        return self._connection

    def _raise_unready(self) -> NoReturn:
        if self.state is SessionState.CLOSED:
            raise ClosedError(f"{self._role.subject} is closed")
        error = self.error or SignalingUnavailable("there is no session yet")
        raise error.with_traceback(None)  # it may be raised many times

    def _miss(self, error: SignalingError) -> None:
        """There is no session, because of ``error``."""
        is_refused = isinstance(error, SignalingRefused)
        state = SessionState.REFUSED if is_refused else SessionState.CONNECTING
        if (state, error) != (self.state, self.error):
            self._change(state, error)

    def _change(self, state: SessionState, error: SignalingError | None) -> None:
        self.state, self.error = state, error
        advice = f"; {error.advice}" if error and error.advice else ""
        words = f"{state}{f': {error}{advice}' if error else ''}"
        self._state_log.report(words, logging.WARNING if error else logging.INFO)
        self._changed.set()
        self._changed = asyncio.Event()
        tell(self.on_state)


def tell(listeners: Iterable[Callable[..., None]], *values: object) -> None:
    """Call each of ``listeners``; what one raises is logged."""
    for listener in tuple(listeners):
        try:
            listener(*values)
        except Exception:
            log.exception("a listener failed")


def _reason(connection: Connection) -> SignalingError:
    if connection.lost.done():
        return connection.lost.result()
    return SignalingUnavailable("the session was closed")
