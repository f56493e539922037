# What the local Prusa Connect answers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers, and the bodies that the real service was seen to send with a status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

from . import rules

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from .rule import Evidence, Rule

JSON_TYPE = "application/json"
HTML_TYPE = "text/html"


@attrs.frozen
class Answer:
    """An answer, the word for it in the log, and how well it is known.

    ``notes`` is what was taken and should not have been sent. With ``serve`` the
    connection becomes a WebSocket, of which that takes care.
    """

    verdict: str
    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    too_soon: bool = False
    evidence: Evidence | None = None
    notes: tuple[str, ...] = ()
    serve: Callable[[web.WebSocketResponse], Awaitable[None]] | None = None

    @classmethod
    def by(
        cls,
        rule: Rule,
        status: int,
        body: bytes = b"",
        content_type: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        too_soon: bool = False,
    ) -> Answer:
        """What ``rule`` answers."""
        known = rule.evidence
        return cls(
            rule.name, status, body, content_type, headers or {}, too_soon, known
        )

    @classmethod
    def of_json(
        cls,
        rule: Rule,
        status: int,
        content: object,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """What ``rule`` answers, in JSON."""
        body = json.dumps(content).encode()
        return cls.by(rule, status, body, JSON_TYPE, headers=headers)

    @classmethod
    def error(
        cls,
        rule: Rule,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """An error as the OpenAPI has it."""
        content = {"code": code, "message": message}
        return cls.of_json(rule, status, content, headers=headers)

    def response(self) -> web.Response:
        """A new response to be sent."""
        response = web.Response(
            status=self.status, body=self.body or None, headers=self.headers
        )
        if self.content_type is not None:
            response.content_type = self.content_type
        return response


def page(title: str) -> bytes:
    """An error page as nginx makes it."""
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def invalid_fingerprint(rule: Rule, status: int = 403) -> Answer:
    """One of the two refusals of a fingerprint that were seen."""
    if status == 400:
        return Answer.of_json(rule, status, {"detail": "Invalid fingerprint"})
    code = "FORBIDDEN_INVALID_FINGERPRINT"
    return Answer.error(rule, status, code, "Fingerprint is not valid")


def invalid_body(rule: Rule) -> Answer:
    """The refusal of JSON that is not what the OpenAPI wants."""
    return Answer.error(rule, 400, "BAD_REQUEST", "Request body validation error")


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``, an empty one when there is none."""
    try:
        content = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _refuse_constant(name: str) -> None:
    """NaN and Infinity, which Python takes, are no JSON (RFC 8259)."""
    raise ValueError(name)


TOKEN_MISSING = Answer.error(
    rules.TOKEN_MISSING, 401, "UNAUTHORIZED", "Token is missing or not valid"
)
EMPTY = Answer.by(rules.EMPTY, 400, page("400 Bad Request"), HTML_TYPE)
ENDPOINT_UNKNOWN = Answer.error(
    rules.ENDPOINT, 404, "NOT_FOUND_ENDPOINT", "Endpoint not found"
)
ABORTED = Answer("aborted", 0)
