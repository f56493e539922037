# Runs the doctor's checks.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks at once, each with its own limit; none that fails hides another."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING

import attrs

from .finding import Finding, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

log = logging.getLogger(__name__)


@attrs.frozen
class Check:
    """Something to look at; ``examine`` gives findings, in the order of their telling.

    ``name`` and ``subject`` are those of the finding when it gives none in time.
    """

    name: str
    timeout_s: float
    examine: Callable[[], Awaitable[Sequence[Finding]]]
    subject: str | None = None


async def run_checks(checks: Iterable[Check]) -> list[Finding]:
    """The findings of all ``checks``, in their order."""
    found = await asyncio.gather(*map(_run, checks))
    return list(itertools.chain.from_iterable(found))


async def _run(check: Check) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(check.timeout_s):
            return await check.examine()
    except TimeoutError:
        found = f"no result within {check.timeout_s:g} s"
        remedy = "try again; when it stays, the host or its network is overloaded"
    except Exception as error:  # a bug in one check must not hide the others
        log.exception("The check %s failed", check.name)
        found = f"the check itself failed ({type(error).__name__})"
        remedy = "report it as a bug, with the log"
    return [Finding(check.name, State.FAILED, found, remedy, check.subject)]
