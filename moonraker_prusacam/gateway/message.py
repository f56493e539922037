# JSON-RPC as viewers send it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a message strictly, so that nobody reads it differently from us.

JSON lets a name stand twice in an object, and parsers do not agree on which one counts;
numbers may be infinite, and nesting may be as deep as the message is long. Nothing of
that is needed. The text itself goes nowhere: what follows is made of ``Call``.
"""

from __future__ import annotations

import json
from typing import Any

import attrs

from moonraker_prusacam.errors import CallRefused

MAX_MESSAGE_BYTES = 256 << 10
MAX_CALLS = 512
"""Mainsail asks for all folders in one message."""
MAX_ID = 1 << 53
MAX_ID_LENGTH = 64

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
# Moonraker says so as well of whatever else it does not find.
METHOD_NOT_FOUND = -32601


@attrs.frozen
class Call:
    """What is asked for; ``id`` is None where no answer is wanted."""

    method: str
    params: dict[str, Any]
    id: int | str | None = None


@attrs.frozen
class Invalid:
    """What is no call; ``id`` is its id, where it has a good one."""

    error: CallRefused
    id: int | str | None = None


@attrs.frozen
class Message:
    """The calls of a message, in its order; those of a batch are answered as one."""

    calls: tuple[Call | Invalid, ...]
    is_batch: bool = False


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


DECODER = json.JSONDecoder(
    object_pairs_hook=_without_twins, parse_constant=_refuse_constant
)


def read_message(text: str) -> Message:
    """The calls in ``text``; raises CallRefused where it is no JSON of ours."""
    try:
        content = DECODER.decode(text)
    except RecursionError:
        raise CallRefused(PARSE_ERROR, "the message is nested too deeply") from None
    except ValueError as error:
        raise CallRefused(PARSE_ERROR, f"the message is no JSON: {error}") from None
    if not isinstance(content, list):
        return Message((_read_call(content),))
    if not content:
        raise CallRefused(INVALID_REQUEST, "the batch is empty")
    if len(content) > MAX_CALLS:
        raise CallRefused(INVALID_REQUEST, f"the batch has more than {MAX_CALLS} calls")
    return Message(tuple(map(_read_call, content)), is_batch=True)


def _read_call(content: object) -> Call | Invalid:
    if not isinstance(content, dict):
        return Invalid(CallRefused(INVALID_REQUEST, "a call is an object"))
    id_ = content.get("id")
    if not _is_id(id_):
        return Invalid(
            CallRefused(INVALID_REQUEST, "the id is no number or short text")
        )
    if content.get("jsonrpc") != "2.0":
        return Invalid(CallRefused(INVALID_REQUEST, "this is not JSON-RPC 2.0"), id_)
    method = content.get("method")
    if not isinstance(method, str):
        return Invalid(CallRefused(INVALID_REQUEST, "the method is no text"), id_)
    params = content.get("params")
    if params is None:
        params = {}
    if not isinstance(params, dict):
        return Invalid(CallRefused(INVALID_PARAMS, "parameters have names here"), id_)
    return Call(method, params, id_)


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_ID_LENGTH
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= MAX_ID
    return value is None


def write(content: object) -> str:
    """``content`` as one line of JSON."""
    return json.dumps(content, separators=(",", ":"))


def call(method: str, params: dict[str, Any], id_: int) -> dict[str, Any]:
    """A call as Moonraker reads it."""
    made: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "id": id_}
    if params:
        made["params"] = params
    return made


def answer(id_: int | str | None, result: Any) -> dict[str, Any]:
    """A good answer."""
    return {"jsonrpc": "2.0", "result": result, "id": id_}


def error(id_: int | str | None, refused: CallRefused) -> dict[str, Any]:
    """A bad one."""
    told = {"code": refused.code, "message": refused.message}
    return {"jsonrpc": "2.0", "error": told, "id": id_}
