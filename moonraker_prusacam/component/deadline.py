# A wait with a limit.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deadline that a cancellation always passes.

Python 3.10 has no ``asyncio.timeout``, and its ``asyncio.wait_for`` swallows a
cancellation that comes in the very moment when the work is done: a task that is
to end would live on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


async def within(timeout_s: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``; cancels it and raises asyncio.TimeoutError if late."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
    finally:
        late = not task.done()
        task.cancel()
    if late:
        raise asyncio.TimeoutError
    return task.result()
