# The gateway's side of the engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of the engine, with a viewing token where the engine wants one.

Whom the gateway lets in sees the cameras, so the gateway shows a token of its own, made
by the same key. Viewers never see it, and what they show themselves ends here.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import UpstreamUnavailable

from .moonraker import fetch, open_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientResponse

    from moonraker_prusacam.viewing_tokens import ViewingTokens

ABSENT = "the camera engine does not answer; does 'prusacam run' run?"


class Cameras:
    """The engine at ``url``; ``tokens`` is None where it wants none."""

    def __init__(self, url: str, tokens: ViewingTokens | None = None) -> None:
        self._url = url
        self._tokens = tokens
        self._session = open_session()

    async def start(self) -> None:
        """Read the key of tokens; raises ConfigError."""
        if self._tokens is not None:
            await asyncio.to_thread(self._tokens.load)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._session.close()

    @asynccontextmanager
    async def fetch(self, method: str, path: str) -> AsyncIterator[ClientResponse]:
        """The answer to the quoted ``path``; raises UpstreamUnavailable."""
        try:
            async with fetch(self._session, method, self._address(path), {}) as answer:
                if answer.status != HTTPStatus.UNAUTHORIZED or self._tokens is None:
                    yield answer
                    return
            # Revoked, which is a new key.
            await self.start()
            async with fetch(self._session, method, self._address(path), {}) as answer:
                yield answer
        except UpstreamUnavailable as error:
            raise UpstreamUnavailable(ABSENT) from error

    def _address(self, path: str) -> str:
        if self._tokens is None:
            return f"{self._url}{path}"
        mark = "&" if "?" in path else "?"
        return f"{self._url}{path}{mark}token={self._tokens.shared(None)}"
