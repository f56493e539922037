# Requests that meet rules, one for each.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stand-in's tests do for every rule it has, by the name of the rule."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

B = TypeVar("B")
Scenario = Callable[[B], Awaitable[Any]]


class Scenarios(dict[str, tuple[int, Scenario[B]]]):
    """By the name of a rule: the status of its answer, and what meets it."""

    def meets(self, name: str, status: int = 0) -> Callable[[Scenario[B]], Scenario[B]]:
        """The decorated function ends with the request that meets the rule ``name``."""

        def keep(function: Scenario[B]) -> Scenario[B]:
            self[name] = (status, function)
            return function

        return keep
