# What a printer's requests look like, whoever sends them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests without what differs from run to run: values, times, pace, secrets.

Of a step, telemetry counts once, since its pace is a client's own; so do downloads and
what is told unasked, in any order, since they come from the disk or another thread.
Registration and answers to commands count one by one, in their order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from moonraker_prusacam.emulator.connect import RequestRecord

TELEMETRY = "POST /p/telemetry"
HEX = re.compile(r"/[0-9a-f]{64}/")
# What the HTTP library and the connection need.
CARRIERS = {
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
}
OF_PRINTER = (
    "fingerprint",
    "timestamp",
    "token",
    "user-agent",
    "user-agent-printer",
    "user-agent-version",
)
AS_FAR = ("data.size", "data.time_remaining")  # once a transfer has begun
DEEP = ("data", "config", "options")


@attrs.frozen(order=True)
class Said:
    """A request: ``what`` it is, the names of its headers, and the body's shape.

    ``body`` holds ``name: type``, with a dot before what is inside.
    """

    what: str
    headers: tuple[str, ...]
    body: tuple[str, ...]

    @property
    def event(self) -> str:
        """The kind of an event, empty if it is none."""
        return self.what.partition("/p/events ")[2]


def normalised(records: Iterable[RequestRecord], *, is_telling: bool) -> list[Said]:
    """The requests of one step.

    What telemetry says counts where the step is about it (``is_telling``).
    """
    in_order: list[Said] = []
    unasked: dict[str, Said] = {}
    for record in sorted(records, key=lambda each: each.started_s):
        said = _said(record)
        if said.what == TELEMETRY and not is_telling:
            said = attrs.evolve(said, body=())
        if _is_asked(record):
            if said not in in_order or record.path == "/p/events":
                in_order.append(said)
        else:
            known = unasked.get(said.what)
            unasked[said.what] = said if known is None else _joined(known, said)
    return [*in_order, *sorted(unasked.values())]


def as_text(steps: dict[str, list[Said]]) -> str:
    """Steps as lines that people can read, and ``from_text`` as well."""
    lines = []
    for title, said in steps.items():
        lines += ["", f"## {title}"]
        for each in said:
            lines += [each.what, f"  headers: {' '.join(each.headers)}".rstrip()]
            lines.append(f"  body: {', '.join(each.body)}".rstrip())
    return "\n".join(lines).lstrip() + "\n"


def from_text(text: str) -> dict[str, list[Said]]:
    """What ``as_text`` made."""
    steps: dict[str, list[Said]] = {}
    for part in text.split("## ")[1:]:
        title, *lines = part.strip().splitlines()
        steps[title] = [
            Said(
                what,
                tuple(headers.removeprefix("  headers:").split()),
                tuple(filter(None, body.removeprefix("  body:").strip().split(", "))),
            )
            for what, headers, body in zip(
                lines[::3], lines[1::3], lines[2::3], strict=True
            )
        ]
    return steps


def _said(record: RequestRecord) -> Said:
    path = HEX.sub("/{hash}/", record.path.partition("?")[0])
    # A message counts as the request that it stands for; the handshake has its headers.
    is_message = record.method == "WS"
    what = f"{'POST' if is_message else record.method} {path}"
    content = record.content if isinstance(record.content, dict) else {}
    if path == "/p/events":
        what += f" {content.get('event')}"
    headers = OF_PRINTER if is_message else sorted(record.headers.keys() - CARRIERS)
    told = {
        name: value for name, value in content.items() if name not in _chance(content)
    }
    return Said(what, tuple(headers), tuple(_shape(told)))


def _chance(content: dict[str, Any]) -> Collection[str]:
    """What an event has or has not as something else goes on meanwhile or does not.

    That is a transfer, or a restart of Klipper, whose reason is told if it lasts.
    """
    kind = str(content.get("event", "TRANSFER"))
    if kind == "STATE_CHANGED":
        return ("transfer_id", "reason")
    return () if kind.startswith("TRANSFER") else ("transfer_id",)


def _is_asked(record: RequestRecord) -> bool:
    """Whether its place among the others tells something."""
    if record.path == "/p/events":
        return isinstance(record.content, dict) and "command_id" in record.content
    is_download = record.path.startswith(("/elsewhere", "/p/teams"))
    return record.path != "/p/telemetry" and not is_download


def _joined(one: Said, other: Said) -> Said:
    return Said(
        one.what,
        tuple(sorted({*one.headers, *other.headers})),
        tuple(sorted({*one.body, *other.body})),
    )


def _shape(content: dict[str, Any]) -> list[str]:
    shape = []
    for name, value in content.items():
        shape.append(f"{name}: {_kind(value)}")
        if name in DEEP and isinstance(value, dict):
            shape += [
                f"{name}.{key}: {_kind(inner)}"
                for key, inner in value.items()
                if f"{name}.{key}" not in AS_FAR
            ]
    return sorted(shape)


def _kind(value: Any) -> str:
    kinds = {bool: "flag", int: "number", float: "number", str: "text", list: "list"}
    return kinds.get(type(value), "object")
