# What Prusa Connect wants downloaded.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A download as it was ordered, and as it is kept over restarts.

Source of the parameters: Prusa's printer SDK 0.8.1. ``size`` and ``orig_size`` are a
guess; where one is told, the file must have it. That ``hash`` is one of the file's
content is a guess, too: it is compared where it has the form of a SHA-1 or SHA-256.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any

import attrs
from yarl import URL

from moonraker_prusacam.durable import write_file
from moonraker_prusacam.errors import CommandRejected
from moonraker_prusacam.records import read_record

from .paths import PRINTABLE, Place, parse_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from moonraker_prusacam.connect.printer.messages import Command
    from moonraker_prusacam.connect.printer.view import Transfer

MAX_NOTE_BYTES = 64 << 10
MAX_URL = 2048
MAX_ID = 2**31 - 1
# It becomes a part of an address.
HASH = re.compile(r"[A-Za-z0-9_=~-][A-Za-z0-9._=~-]{0,127}", re.ASCII)
DIGESTS = {40: "sha1", 64: "sha256"}
HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)


@attrs.frozen(kw_only=True)
class Order:
    """``parts`` is where the file goes; ``url`` is empty for a file of Connect's.

    ``delivered_bytes``: as long is what is being moved to its place, or is there.
    """

    id: int
    command_id: int
    parts: tuple[str, ...]
    url: str = ""
    team_id: int = 0
    hash: str = ""
    size_bytes: int | None = None
    prints: bool = False
    delivered_bytes: int | None = None

    @property
    def place(self) -> Place:
        """Where the file goes."""
        return Place(self.parts)

    @property
    def from_connect(self) -> bool:
        """Whether Prusa Connect itself has the file."""
        return not self.url

    @property
    def digest(self) -> tuple[str, str] | None:
        """Name and value of a hash of the content, where one was told."""
        name = DIGESTS.get(len(self.hash))
        if name is None or not HEX.fullmatch(self.hash):
            return None
        return name, self.hash.lower()

    def source(self, server: URL) -> URL:
        """Where the file is."""
        if self.url:
            return URL(self.url)
        path = f"/p/teams/{self.team_id}/files/{self.hash}/raw"
        return server.with_path(server.path.rstrip("/") + path)


def order_of(command: Command) -> Order:
    """The order that a START_…_DOWNLOAD is; raises CommandRejected."""
    told = command.kwargs
    place = parse_file(told.get("path"))
    if not place.is_printable:
        raise CommandRejected(
            f"Klipper prints {', '.join(sorted(PRINTABLE))}, not {place.name}"
        )
    is_from_connect = command.name == "START_CONNECT_DOWNLOAD"
    order = Order(
        id=1 + secrets.randbelow(MAX_ID),
        command_id=command.id,
        parts=place.parts,
        size_bytes=_size(told),
        prints=told.get("printing") is True,
    )
    if is_from_connect:
        return attrs.evolve(order, team_id=_team(told), hash=_hash(told))
    return attrs.evolve(order, url=_url(told))


def transfer_data(order: Order, now: Transfer, url: URL) -> dict[str, Any]:
    """How far it is, as TRANSFER_INFO tells it (printer SDK 0.8.1)."""
    size, left_s = now.size_bytes, None
    if size and now.done_bytes:
        left_s = int(now.elapsed_s * (size / now.done_bytes - 1.0))
    data = {
        "type": "FROM_CONNECT" if order.from_connect else "FROM_WEB",
        "start_cmd_id": order.command_id,
        "path": now.path,
        "url": str(url),
        "size": size or None,
        "transferred": now.done_bytes,
        "progress": round(100.0 * now.done_bytes / size, 2) if size else 0.0,
        "time_transferring": int(now.elapsed_s),
        "time_remaining": left_s,
        "to_print": order.prints,
    }
    return {name: value for name, value in data.items() if value is not None}


def save_order(order: Order, note: Path) -> None:
    """Keep ``order`` over restarts; blocks on the disk, raises OSError."""
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Its address may be one that nobody else should have.
    write_file(note, json.dumps(attrs.asdict(order)).encode(), mode=0o600)


def load_order(note: Path) -> Order | None:
    """The order that is kept; None if there is none, or it makes no sense."""
    try:
        order = read_record(note, Order, MAX_NOTE_BYTES)
        parse_file(order.place.shown)  # nobody but we should have written it
    except (OSError, ValueError, CommandRejected):
        return None
    return order


def _size(told: Mapping[str, Any]) -> int | None:
    for name in ("size", "orig_size"):
        size = told.get(name)
        if isinstance(size, int) and not isinstance(size, bool) and size > 0:
            return size
    return None


def _team(told: Mapping[str, Any]) -> int:
    team = told.get("team_id")
    if isinstance(team, str) and team.isascii() and team.isdigit() and len(team) < 12:
        team = int(team)
    if not isinstance(team, int) or isinstance(team, bool) or not 0 <= team < 1 << 53:
        raise CommandRejected("the command has no team_id")
    return team


def _hash(told: Mapping[str, Any]) -> str:
    value = told.get("hash")
    if not isinstance(value, str) or not HASH.fullmatch(value):
        raise CommandRejected("the command has no hash that could be one")
    return value


def _url(told: Mapping[str, Any]) -> str:
    text = told.get("url")
    try:
        url = URL(text) if isinstance(text, str) and len(text) <= MAX_URL else URL()
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise CommandRejected("the command has no http(s) address")
    if url.user is not None or url.password is not None:
        raise CommandRejected("an address with a password is not asked")
    return str(url.with_fragment(None))
