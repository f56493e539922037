# The examples of docs/api-examples.md.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads requests and their answers from a page, and compares answers with real ones.

A fence ``http`` that begins with a method is a request, one that begins with ``HTTP/``
the head of its answer. A fence ``json`` with a ``method`` and an ``id`` is a request of
JSON-RPC, with a ``method`` alone a notification, and any other one an answer.

In an answer ``…`` stands for anything: alone, within a text, as the last item of a list
for more of them, and as a key for more keys. Texts, switches and nulls are compared, of
numbers their kind, of objects all keys.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

FENCE = re.compile(r"^```(http|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"


@attrs.frozen
class Request:
    """What is sent: by HTTP, or by JSON-RPC where there is no ``path``."""

    method: str
    path: str = ""
    body: dict[str, Any] = attrs.field(factory=dict)
    is_notification: bool = False


@attrs.frozen
class Head:
    """The begin of an answer by HTTP."""

    status: int
    headers: dict[str, str]


@attrs.frozen
class Example:
    """A request and its answer, or a notification alone (``request`` is None).

    ``line`` is where it begins on the page.
    """

    line: int
    request: Request | None
    answer: Any


def read_examples(page: str) -> Iterator[Example]:
    """All examples of ``page``, in their order; raises ValueError for half of one."""
    asked: tuple[int, Request] | None = None
    for fence in FENCE.finditer(page):
        line = page.count("\n", 0, fence.start()) + 1
        part = _read_http(fence[2]) if fence[1] == "http" else _read_json(fence[2])
        if isinstance(part, Request) == (asked is not None):
            raise ValueError(f"line {line}: requests and answers come by turns")
        if isinstance(part, Request) and part.is_notification:
            yield Example(line, None, {"method": part.method, **part.body})
        elif isinstance(part, Request):
            asked = line, part
        elif asked is not None:
            yield Example(*asked, part)
            asked = None
    if asked is not None:
        raise ValueError(f"line {asked[0]}: has no answer")


def differences(printed: Any, real: Any, place: str = "answer") -> list[str]:
    """Where ``real`` is not what ``printed`` promises; nothing where all is well."""
    if printed == ANYTHING:
        return []
    if isinstance(printed, dict):
        return _of_objects(printed, real, place)
    if isinstance(printed, list):
        return _of_lists(printed, real, place)
    if isinstance(printed, str):
        pattern = ".*".join(map(re.escape, printed.split(ANYTHING)))
        is_same = isinstance(real, str) and bool(re.fullmatch(pattern, real, re.DOTALL))
    elif isinstance(printed, bool) or printed is None:
        is_same = printed is real
    else:
        kinds = (int,) if isinstance(printed, int) else (int, float)
        is_same = isinstance(real, kinds) and not isinstance(real, bool)
    return [] if is_same else [f"{place}: {real!r} where {printed!r} is printed"]


def _of_objects(printed: dict[str, Any], real: Any, place: str) -> list[str]:
    if not isinstance(real, dict):
        return [f"{place}: {real!r} is no object"]
    found = []
    if ANYTHING not in printed:
        found += [
            f"{place}: '{key}' is not printed: {real[key]!r:.300}"
            for key in real
            if key not in printed
        ]
    for key, value in printed.items():
        if key == ANYTHING:
            continue
        if key not in real:
            found.append(f"{place}: there is no '{key}'")
        else:
            found += differences(value, real[key], f"{place}.{key}")
    return found


def _of_lists(printed: list[Any], real: Any, place: str) -> list[str]:
    if not isinstance(real, list):
        return [f"{place}: {real!r} is no list"]
    has_more = printed[-1:] == [ANYTHING]
    items = printed[:-1] if has_more else printed
    if len(real) < len(items) or (len(real) > len(items) and not has_more):
        return [f"{place}: {len(real)} items where {len(items)} are printed"]
    found = []
    for number, (item, actual) in enumerate(zip(items, real, strict=False)):
        found += differences(item, actual, f"{place}[{number}]")
    return found


def _read_http(text: str) -> Request | Head:
    head, _, body = text.partition("\n\n")
    first, *lines = head.splitlines()
    if first.startswith("HTTP/"):
        headers = dict(line.split(": ", 1) for line in lines)
        return Head(int(first.split()[1]), headers)
    method, path = first.split(maxsplit=1)
    return Request(method, path, json.loads(body) if body.strip() else {})


def _read_json(text: str) -> Any:
    message = json.loads(text)
    if not (isinstance(message, dict) and "jsonrpc" in message and "method" in message):
        return message
    body = {name: message[name] for name in ("params",) if name in message}
    is_notification = "id" not in message
    return Request(message["method"], body=body, is_notification=is_notification)
