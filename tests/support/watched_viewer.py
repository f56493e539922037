# A viewer under observation.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A viewer that is started, and whose states and reasons can be waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from moonraker_prusacam.connect.signaling import session as session_module
from moonraker_prusacam.connect.signaling.viewer import Viewer, ViewerOptions
from moonraker_prusacam.secret import Secret
from tests.support.scripted_signaling import signaling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import pytest

    from moonraker_prusacam.connect.signaling.session import SessionState
    from tests.support.scripted_signaling import SignalingServer

TOKEN = "aB3_-6789012345678xY"
JWT = "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"
WAIT_S = 10.0
PROFILES = ("wire", "seed")


def begin_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixture: sessions that are lost are made again at once."""
    monkeypatch.setattr(session_module, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(session_module, "LAST_DELAY_S", 0.05)


async def server() -> AsyncIterator[SignalingServer]:
    """A fixture: who viewers connect to."""
    async with signaling() as running:
        yield running


def options(url: str, **more: str) -> ViewerOptions:
    return ViewerOptions(
        name="front",
        camera_token=Secret(TOKEN),
        jwt=Secret(JWT),
        url=url,
        **more,
    )


def profile(request: pytest.FixtureRequest) -> str:
    """A fixture, of which PROFILES are the params."""
    return str(request.param)


async def server_of(profile: str) -> AsyncIterator[SignalingServer]:
    """A fixture: who viewers connect to, in the messages of that profile."""
    async with signaling(profile) as running:
        yield running


async def ready(server: SignalingServer, profile: str) -> AsyncIterator[Viewer]:
    """A fixture: a viewer that is let in."""
    async with Watched(options(server.url, profile=profile)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        yield watched.viewer


class Watched:
    """A viewer that is started, and whose states can be waited for."""

    def __init__(self, made: ViewerOptions) -> None:
        self.viewer = Viewer(made)
        self.states: list[tuple[SessionState, str]] = []
        self._changed = asyncio.Condition()
        self._telling: set[asyncio.Task[None]] = set()
        self.viewer.on_state.append(self._state)

    def _state(self) -> None:
        self.states.append((self.viewer.state, self.viewer.reason))
        task = asyncio.get_running_loop().create_task(self._tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(condition)

    async def reason(self, words: str) -> str:
        """Wait for a reason with ``words``."""
        await self.until(lambda: any(words in told for _, told in self.states))
        return next(told for _, told in self.states if words in told)

    async def __aenter__(self) -> Self:
        await self.viewer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.viewer.aclose()
