# The command line's end of the control socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls a running engine."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import EngineUnavailable
from moonraker_prusacam.tasks import TaskOwner

from .peer import Peer
from .protocol import MAX_REPLY_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from .peer import Handler

CONNECT_TIMEOUT_S = 2.0


@asynccontextmanager
async def connect(
    path: Path, methods: Mapping[str, Handler] | None = None
) -> AsyncIterator[Peer]:
    """A connection to the engine at ``path``; raises EngineUnavailable.

    ``methods`` handle the engine's notifications by name.
    """
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(
                str(path), limit=MAX_REPLY_BYTES
            )
    except OSError as error:
        reason = error.strerror or str(error) or "no answer"
        raise EngineUnavailable(
            f"no engine answers at {path} ({reason}); start it with "
            "'sudo systemctl start prusacam', or 'prusacam run -c FILE'"
        ) from error
    peer = Peer(reader, writer, methods or {})
    tasks = TaskOwner("control:client")
    tasks.start("run", peer.run())
    try:
        yield peer
    finally:
        await peer.aclose()
        await tasks.aclose()
