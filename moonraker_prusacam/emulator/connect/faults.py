# What can be made to go wrong in the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small vocabulary of faults; ``plan`` says which request meets which."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs
from attrs.validators import optional

from .answers import HTML_TYPE, JSON_TYPE, Answer, page
from .plan import BaseFault, check, flag, integer, number, positive, text, whole

if TYPE_CHECKING:
    from collections.abc import Collection

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
    CUT_RESPONSE = "cut_response"
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


_texts = check(
    lambda value: (
        isinstance(value, Mapping)
        and all(isinstance(text, str) for pair in value.items() for text in pair)
    )
)


@attrs.frozen(kw_only=True)
class Fault(BaseFault):
    """What goes wrong with a request; ValueError or TypeError for nonsense.

    ``endpoint`` is the beginning of the path, or of method and path. ``answer`` is a
    status, or one of ``KNOWN_ANSWERS``; ``location`` is ``loop``, ``other`` (the same
    server by another name), ``https`` or an address. ``of_body``: ``after_bytes`` does
    not count an answer's head. The rest is the measure of the kinds that need one.
    """

    kind: FaultKind = attrs.field(converter=FaultKind, kw_only=False)
    endpoint: str = attrs.field(default="/", validator=text)
    answer: str = attrs.field(default="500", converter=str, validator=_check_answer)
    body: bytes | None = attrs.field(
        default=None,
        converter=_bytes,
        validator=check(lambda value: value is None or isinstance(value, bytes)),
    )
    headers: Mapping[str, str] = attrs.field(factory=dict, validator=_texts)
    location: str = attrs.field(default="loop", validator=text)
    retry_after_s: int | None = attrs.field(default=None, validator=optional(integer))
    retry_after_as_date: bool = attrs.field(default=False, validator=flag)
    date_offset_s: float = attrs.field(default=0.0, validator=number)
    after_bytes: int = attrs.field(default=0, validator=whole)
    of_body: bool = attrs.field(default=False, validator=flag)
    bytes_per_s: float = attrs.field(default=1.0, validator=positive)
    extra_bytes: int = attrs.field(default=100, validator=integer)
    seconds: float | None = attrs.field(default=None, validator=optional(positive))

    def is_of(self, kinds: Collection[enum.StrEnum], place: str) -> bool:
        """Whether the fault is one of ``kinds``, and for ``place``, "GET /path"."""
        path = place[place.index("/") :]
        if path.startswith(CONTROL_PATH) or self.kind not in kinds:
            return False
        return any(each.startswith(self.endpoint) for each in (path, place))

    @property
    def redirect_status(self) -> int:
        """The status of a redirect: that of ``answer``, or 307."""
        status = _status_of(self.answer)
        return status if 300 <= status < 400 else DEFAULT_REDIRECT

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
