# Which request, or which event, meets a fault.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the faults of all stand-ins have in common: when one is due, and the plan.

What happens meets one fault at most: the first of the plan that fits and is due.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import attrs

if TYPE_CHECKING:
    import enum
    from collections.abc import Callable, Collection, Iterable

MAX_FAULTS = 1000


def check(good: Callable[[Any], bool]) -> Callable[[object, Any, Any], None]:
    """A validator; ValueError with the field's name for what is not ``good``."""

    def validate(_fault: object, field: Any, value: Any) -> None:
        if not good(value):
            raise ValueError(f"{field.name} cannot be {value!r}")

    return validate


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return type(value) is int and value >= 0


whole = check(_is_whole)
integer = check(lambda value: type(value) is int)
number = check(_is_number)
positive = check(lambda value: _is_number(value) and value > 0)
flag = check(lambda value: isinstance(value, bool))
text = check(lambda value: isinstance(value, str))
_share = check(lambda value: _is_number(value) and 0 <= value <= 1)
_times = check(lambda value: value is None or _is_whole(value))


@attrs.frozen(kw_only=True)
class BaseFault:
    """When a fault is due; ValueError or TypeError for nonsense.

    ``count`` is how often, None for ever; ``skip`` how many that fit are spared first;
    ``probability`` is drawn for each from a generator of ``seed``.
    """

    kind: enum.StrEnum = attrs.field(kw_only=False)
    count: int | None = attrs.field(default=1, validator=_times)
    skip: int = attrs.field(default=0, validator=whole)
    probability: float = attrs.field(default=1.0, validator=_share)
    seed: int = attrs.field(default=0, validator=integer)

    @classmethod
    def from_json(cls, content: object) -> Self:
        """The fault in a JSON object; ValueError or TypeError if it is none."""
        if not isinstance(content, dict):
            raise TypeError("a fault is a JSON object")
        return cls(**content)

    def as_json(self) -> dict[str, Any]:
        """The fault as JSON values; what has its default is left out."""
        default = attrs.asdict(type(self)(self.kind), recurse=False)
        return {
            name: value.decode(errors="replace") if isinstance(value, bytes) else value
            for name, value in attrs.asdict(self, recurse=False).items()
            if name == "kind" or value != default[name]
        }

    def is_of(self, kinds: Collection[enum.StrEnum], place: str) -> bool:
        """Whether the fault is one of ``kinds``, and for ``place``."""
        raise NotImplementedError


F = TypeVar("F", bound=BaseFault)


@attrs.define(eq=False)
class _Planned(Generic[F]):
    fault: F
    left: int | None
    spared: int
    random: random.Random
    met: int = 0

    def is_due(self) -> bool:
        """Whether what happens now meets the fault; counts it."""
        if self.left == 0 or self.random.random() >= self.fault.probability:
            return False
        if self.spared:
            self.spared -= 1
            return False
        if self.left is not None:
            self.left -= 1
        self.met += 1
        return True


class FaultPlan(Generic[F]):
    """The faults to come, in the order in which they were added."""

    def __init__(self) -> None:
        self._planned: list[_Planned[F]] = []

    def add(self, faults: Iterable[F]) -> None:
        """Append faults; ValueError if there are too many."""
        self._planned = [planned for planned in self._planned if planned.left != 0]
        for fault in faults:
            if len(self._planned) >= MAX_FAULTS:
                raise ValueError(f"more than {MAX_FAULTS} faults")
            self._planned.append(
                _Planned(fault, fault.count, fault.skip, random.Random(fault.seed))
            )

    def clear(self) -> None:
        """Forget all."""
        self._planned = []

    def take(self, kinds: Collection[enum.StrEnum], place: str = "/") -> F | None:
        """The fault that is met at ``place``, a path or an event; None for none."""
        for planned in self._planned:
            if planned.fault.is_of(kinds, place) and planned.is_due():
                return planned.fault
        return None

    def as_json(self) -> list[dict[str, Any]]:
        """What is planned, how often each was met, and how often it still will be."""
        return [
            {**planned.fault.as_json(), "met": planned.met, "left": planned.left}
            for planned in self._planned
        ]
