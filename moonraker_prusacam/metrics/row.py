# What a row of the table of metrics says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A metric's kind, name and labels, and how a value of the status becomes one."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(enum.Enum):
    """What becomes of a value."""

    GAUGE = "gauge"
    COUNTER = "counter"  # rises until the engine is restarted
    STATE = "state"  # a word: one sample for each that there is, 1 or 0
    INFO = "info"  # a text or a setting: a label of a sample that is 1


@attrs.frozen
class Row:
    """``name`` without ``_total``; ``labels`` beside those of the place.

    ``scale`` turns the value into the base unit. Values whose labels are all the same
    are added up, or the ``largest`` holds.
    """

    kind: Kind
    name: str
    help: str
    labels: Mapping[str, str] = attrs.field(factory=dict)
    scale: float = 1.0
    states: tuple[str, ...] = ()
    largest: bool = False


def gauge(name: str, told: str, **more: Any) -> Row:
    """A value of now."""
    return Row(Kind.GAUGE, name, told, **more)


def counter(name: str, told: str, **more: Any) -> Row:
    """A value that only rises, until the engine is restarted."""
    return Row(Kind.COUNTER, name, told, **more)


def state(name: str, told: str, states: type[enum.StrEnum]) -> Row:
    """A word of ``states``."""
    return Row(Kind.STATE, name, told, states=tuple(states))


def info(name: str, told: str) -> Row:
    """A text or a setting."""
    return Row(Kind.INFO, name, told)


def under(place: str, rows: Mapping[str, Row]) -> dict[str, Row]:
    """``rows`` with paths that begin at ``place``."""
    return {f"{place}.{key}": row for key, row in rows.items()}
