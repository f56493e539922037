# What can be made to go wrong in the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small vocabulary of faults, and the plan that says which request meets which.

A request meets one fault at most: the first of the plan that fits and is due.
"""

from __future__ import annotations

import enum
import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import optional as _optional

from .answers import HTML_TYPE, JSON_TYPE, Answer, page

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

MAX_FAULTS = 1000
DEFAULT_REDIRECT = 307
CONTROL_PATH = "/_ctl"


class FaultKind(enum.StrEnum):
    """What goes wrong."""

    # Instead of an answer by the rules.
    ANSWER = "answer"
    REDIRECT = "redirect"
    SILENCE = "silence"
    # While the request comes in.
    RESET_REQUEST = "reset_request"
    SLOW_REQUEST = "slow_request"
    NO_CONTINUE = "no_continue"
    CLOSE_AFTER_CONTINUE = "close_after_continue"
    # After the request has taken effect.
    LOST_ANSWER = "lost_answer"
    RESET_RESPONSE = "reset_response"
    SLOW_RESPONSE = "slow_response"
    CLOSE_IDLE = "close_idle"
    WRONG_LENGTH = "wrong_length"
    GZIP = "gzip"
    BODY_WITH_204 = "body_with_204"
    CLOCK_SKEW = "clock_skew"
    # To a new connection, whatever it is for.
    REFUSE = "refuse"
    SILENT_CONNECTION = "silent_connection"
    RESET_CONNECTION = "reset_connection"
    OLD_PROTOCOL = "old_protocol"


CONNECTION_KINDS = frozenset(
    {
        FaultKind.SILENT_CONNECTION,
        FaultKind.RESET_CONNECTION,
        FaultKind.OLD_PROTOCOL,
    }
)
CONTINUE_KINDS = frozenset({FaultKind.NO_CONTINUE, FaultKind.CLOSE_AFTER_CONTINUE})
EXCHANGE_KINDS = (
    frozenset(FaultKind) - CONNECTION_KINDS - CONTINUE_KINDS - {FaultKind.REFUSE}
)


def _error(code: str, message: str) -> tuple[bytes, str]:
    return json.dumps({"code": code, "message": message}).encode(), JSON_TYPE


# Bodies that the real service was seen to send, or as the OpenAPI has them.
KNOWN_ANSWERS: Mapping[str, tuple[bytes, str | None]] = MappingProxyType(
    {
        "400": _error("BAD_REQUEST", "Bad request"),
        "400 fingerprint": (b'{"detail": "Invalid fingerprint"}', JSON_TYPE),
        "400 html": (page("400 Bad Request"), HTML_TYPE),
        "401": _error("UNAUTHORIZED", "Token is missing or not valid"),
        "403": _error("FORBIDDEN", "Token is not valid"),
        "403 fingerprint": _error(
            "FORBIDDEN_INVALID_FINGERPRINT", "Fingerprint is not valid"
        ),
        "404": _error("NOT_FOUND", "Not found"),
        "409": _error("CONFLICT", "Conflict"),
        "413": _error("PAYLOAD_TOO_LARGE", "Request was too large"),
        "413 html": (page("413 Request Entity Too Large"), HTML_TYPE),
        "429": _error("TOO_MANY_REQUESTS", "Too many requests"),
        "500": _error("INTERNAL_SERVER_ERROR", "Internal server error"),
        "502": (page("502 Bad Gateway"), HTML_TYPE),
        "503": (b"Service Unavailable", "text/plain"),
        "503 json": _error("SERVICE_UNAVAILABLE", "Service is under maintenance"),
    }
)


def _status_of(answer: str) -> int:
    """The status that ``"503 json"`` begins with."""
    return int(answer.partition(" ")[0])


def _check_answer(_fault: object, _field: object, answer: str) -> None:
    number, _, form = answer.partition(" ")
    if not (number.isascii() and number.isdecimal() and 200 <= int(number) <= 599):
        raise ValueError(f"{answer!r} does not begin with a status")
    if form and answer not in KNOWN_ANSWERS:
        raise ValueError(f"{answer!r} is none of {', '.join(KNOWN_ANSWERS)}")


def _bytes(text: str | bytes | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else text


def _check(good: Callable[[Any], bool]) -> Callable[[object, Any, Any], None]:
    """A validator; ValueError with the field's name for what is not ``good``."""

    def check(_fault: object, field: Any, value: Any) -> None:
        if not good(value):
            raise ValueError(f"{field.name} cannot be {value!r}")

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return type(value) is int and value >= 0


_whole = _check(_is_whole)
_integer = _check(lambda value: type(value) is int)
_number = _check(_is_number)
_positive = _check(lambda value: _is_number(value) and value > 0)
_share = _check(lambda value: _is_number(value) and 0 <= value <= 1)
_text = _check(lambda value: isinstance(value, str))
_texts = _check(
    lambda value: (
        isinstance(value, Mapping)
        and all(isinstance(text, str) for pair in value.items() for text in pair)
    )
)


@attrs.frozen(kw_only=True)
class Fault:
    """One fault and when it is due; ValueError or TypeError for nonsense.

    ``endpoint`` is the beginning of the path; ``count`` how often, None for ever;
    ``skip`` how many that fit are spared first; ``probability`` is drawn for each from
    a generator of ``seed``. ``answer`` is a status, or one of ``KNOWN_ANSWERS``;
    ``location`` is ``loop``, ``other`` (the same server by another name), ``https`` or
    an address. The rest is the measure of the kinds that need one.
    """

    kind: FaultKind = attrs.field(converter=FaultKind, kw_only=False)
    endpoint: str = attrs.field(default="/", validator=_text)
    count: int | None = attrs.field(
        default=1, validator=_check(lambda value: value is None or _is_whole(value))
    )
    skip: int = attrs.field(default=0, validator=_whole)
    probability: float = attrs.field(default=1.0, validator=_share)
    seed: int = attrs.field(default=0, validator=_integer)
    answer: str = attrs.field(default="500", converter=str, validator=_check_answer)
    body: bytes | None = attrs.field(
        default=None,
        converter=_bytes,
        validator=_check(lambda value: value is None or isinstance(value, bytes)),
    )
    headers: Mapping[str, str] = attrs.field(factory=dict, validator=_texts)
    location: str = attrs.field(default="loop", validator=_text)
    retry_after_s: int | None = attrs.field(default=None, validator=_optional(_integer))
    retry_after_as_date: bool = attrs.field(
        default=False, validator=_check(lambda value: isinstance(value, bool))
    )
    date_offset_s: float = attrs.field(default=0.0, validator=_number)
    after_bytes: int = attrs.field(default=0, validator=_whole)
    bytes_per_s: float = attrs.field(default=1.0, validator=_positive)
    extra_bytes: int = attrs.field(default=100, validator=_integer)
    seconds: float | None = attrs.field(default=None, validator=_optional(_positive))

    @classmethod
    def from_json(cls, content: object) -> Fault:
        """The fault in a JSON object; ValueError or TypeError if it is none."""
        if not isinstance(content, dict):
            raise TypeError("a fault is a JSON object")
        return cls(**content)

    def as_json(self) -> dict[str, Any]:
        """The fault as JSON values; what has its default is left out."""
        shown = attrs.asdict(self, recurse=False)
        default = attrs.asdict(Fault(self.kind), recurse=False)
        if self.body is not None:
            shown["body"] = self.body.decode(errors="replace")
        return {
            name: value
            for name, value in shown.items()
            if name == "kind" or value != default[name]
        }

    @property
    def redirect_status(self) -> int:
        """The status of a redirect: that of ``answer``, or 307."""
        status = _status_of(self.answer)
        return status if 300 <= status < 400 else DEFAULT_REDIRECT

    def is_of(self, kinds: Collection[FaultKind], path: str) -> bool:
        """Whether the fault is one of ``kinds``, and for ``path``."""
        return self.kind in kinds and path.startswith(self.endpoint)

    def scripted(self) -> Answer:
        """The answer that the fault prescribes."""
        known, content_type = KNOWN_ANSWERS.get(self.answer, (b"", None))
        if self.body is not None:
            known, content_type = self.body, None
        date = datetime.now(UTC) + timedelta(seconds=self.date_offset_s)
        headers = dict(self.headers)
        if self.date_offset_s:
            headers.setdefault("Date", format_datetime(date, usegmt=True))
        if self.retry_after_s is not None:
            again = date + timedelta(seconds=self.retry_after_s)
            headers["Retry-After"] = (
                format_datetime(again, usegmt=True)
                if self.retry_after_as_date
                else str(self.retry_after_s)
            )
        status = _status_of(self.answer)
        return Answer("scripted", status, known, content_type, headers)


@attrs.define(eq=False)
class _Planned:
    fault: Fault
    left: int | None
    spared: int
    random: random.Random
    met: int = 0

    def is_due(self) -> bool:
        """Whether the request at hand meets the fault; counts it."""
        if self.left == 0 or self.random.random() >= self.fault.probability:
            return False
        if self.spared:
            self.spared -= 1
            return False
        if self.left is not None:
            self.left -= 1
        self.met += 1
        return True


class FaultPlan:
    """The faults to come, in the order in which they were added."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []

    def add(self, faults: Iterable[Fault]) -> None:
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

    def take(self, kinds: Collection[FaultKind], path: str = "/") -> Fault | None:
        """The fault that a request for ``path`` meets, None for none."""
        if path.startswith(CONTROL_PATH):
            return None
        for planned in self._planned:
            if planned.fault.is_of(kinds, path) and planned.is_due():
                return planned.fault
        return None

    def as_json(self) -> list[dict[str, Any]]:
        """What is planned, how often each was met, and how often it still will be."""
        return [
            {**planned.fault.as_json(), "met": planned.met, "left": planned.left}
            for planned in self._planned
        ]
