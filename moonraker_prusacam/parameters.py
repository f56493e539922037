# Parameters of a call.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what another process sent: each parameter by its type and bounds.

A name that nobody reads is a mistake, too: else a misspelt option does nothing, and
nobody is told.
"""

from __future__ import annotations

import math
from typing import Any

from .control.protocol import INVALID_PARAMS
from .errors import RpcError

BAD_REQUEST = 400
MAX_NAME_CHARACTERS = 40


def refusal(message: str) -> RpcError:
    """The error for parameters that make no sense."""
    return RpcError(INVALID_PARAMS, message, http_status=BAD_REQUEST)


class Parameters:
    """The parameters of one call, of which ``known`` may be given."""

    def __init__(self, params: dict[str, Any], *known: str) -> None:
        for name in params:
            if name not in known:
                shown = name[:MAX_NAME_CHARACTERS]
                raise refusal(
                    f"there is no parameter '{shown}'; there is: {', '.join(known)}"
                    if known
                    else f"there is no parameter '{shown}'"
                )
        self._params = params

    def text(self, name: str) -> str:
        """A text that has to be given."""
        value = self._params.get(name)
        if not isinstance(value, str) or not value:
            raise refusal(f"'{name}' is missing, or no text")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text; None where it is not given."""
        return None if self._params.get(name) is None else self.text(name)

    def boolean(self, name: str) -> bool | None:
        """True or false; None where it is not given."""
        value = self._params.get(name)
        if value is not None and not isinstance(value, bool):
            raise refusal(f"'{name}' is neither true nor false")
        return value

    def number(self, name: str, least: float, most: float) -> float | None:
        """A number from ``least`` to ``most``; None where it is not given."""
        value = self._params.get(name)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not least <= value <= most:
            raise refusal(f"'{name}' is not a number from {least:g} to {most:g}")
        return float(value)

    def choice(self, name: str, *values: int) -> int | None:
        """One of ``values``; None where it is not given."""
        value = self._params.get(name)
        if value is not None and (isinstance(value, bool) or value not in values):
            raise refusal(f"'{name}' is not one of: {', '.join(map(str, values))}")
        return value
