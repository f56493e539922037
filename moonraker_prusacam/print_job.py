# What the printer does, as the Moonraker component tells it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of a print job.

Each carries the complete known state of the print, so that a lost event does no
lasting harm, and a repeated one none at all.
"""

from __future__ import annotations

import enum
import math
from typing import Any

import attrs

from .errors import RpcError

INVALID_PARAMS = -32602
MAX_FILENAME_CHARACTERS = 4096
MAX_FACTS = 32
MAX_FACT_CHARACTERS = 200


class PrintEventKind(enum.StrEnum):
    """Why the component speaks; ``sync`` tells what is true now."""

    SYNC = "sync"
    SELECTED = "selected"
    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    COMPLETE = "complete"
    CANCELLED = "cancelled"
    ERROR = "error"
    STANDBY = "standby"
    LAYER = "layer"
    SHUTDOWN = "shutdown"
    DISCONNECTED = "disconnected"
    FINISHED = "finished"


@attrs.frozen
class PrintState:
    """Klipper's print_stats."""

    state: str
    filename: str
    total_duration_s: float
    layer: int | None
    total_layers: int | None
    print_duration_s: float = 0.0
    # What Moonraker found in the file, by Moonraker's names; some of them or none.
    file: dict[str, str | float] = attrs.field(factory=dict)

    @property
    def left_s(self) -> float | None:
        """How long it still takes as the slicer thinks, None where it does not say."""
        estimated_s = self.file.get("estimated_time")
        if not isinstance(estimated_s, int | float) or estimated_s <= 0:
            return None
        return max(0.0, estimated_s - self.print_duration_s)

    @property
    def is_active(self) -> bool:
        """Whether a print is under way, paused or not."""
        return self.state in ("printing", "paused")


@attrs.frozen
class PrintEvent:
    """One event; ``print`` is None while Klipper is not ready."""

    kind: PrintEventKind
    print: PrintState | None
    monotonic_ns: int


def parse_print_event(params: dict[str, Any]) -> PrintEvent:
    """The event in the parameters of ``job.event``; raises RpcError."""
    try:
        kind = PrintEventKind(params["event"])
        state = params.get("print")
        return PrintEvent(
            kind=kind,
            print=None if state is None else _parse_state(state, params.get("file")),
            monotonic_ns=int(params["monotonic_ns"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RpcError(
            INVALID_PARAMS,
            f"job.event: {error!r:.200} in the parameters",
            http_status=400,
        ) from error


def _parse_state(state: dict[str, Any], file: Any) -> PrintState:
    name = str(state["state"])
    total_duration_s = float(state.get("total_duration_s") or 0.0)
    if not math.isfinite(total_duration_s):
        raise ValueError("total_duration_s is not finite")
    return PrintState(
        state=name,
        filename=str(state.get("filename") or "")[:MAX_FILENAME_CHARACTERS],
        total_duration_s=total_duration_s,
        layer=_optional_int(state.get("layer")),
        total_layers=_optional_int(state.get("total_layers")),
        print_duration_s=float(state.get("print_duration_s") or 0.0),
        file=_parse_file(file),
    )


def _parse_file(file: Any) -> dict[str, str | float]:
    if not isinstance(file, dict):
        return {}
    facts: dict[str, str | float] = {}
    for name, value in list(file.items())[:MAX_FACTS]:
        if isinstance(value, str):
            facts[str(name)[:MAX_FACT_CHARACTERS]] = value[:MAX_FACT_CHARACTERS]
        elif isinstance(value, int | float) and math.isfinite(value):
            facts[str(name)[:MAX_FACT_CHARACTERS]] = value
    return facts


def _optional_int(value: Any) -> int | None:
    return None if value is None else int(value)
