# A file for the printer, as something that is wanted of a server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may come of a START_…_DOWNLOAD, and what a refusal means; see ``Wanted``.

Prusa Connect may send us on to where it stores files, so redirections are followed; but
the printer's token is shown to Prusa Connect alone.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from yarl import URL

from moonraker_prusacam.connect.download.span import span_of
from moonraker_prusacam.connect.refusals import retry_after_s, told_by
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    FileRejected,
    PrusaConnectError,
    TokenRejected,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moonraker_prusacam.connect.printer.file_server import FileServer
    from moonraker_prusacam.connect.refusals import Reply

    from .hosts import Hosts
    from .order import Order

MAX_REDIRECTS = 4
PAGES = frozenset({"text/html", "application/xhtml+xml", "application/json"})
# RFC 9530 and its predecessor RFC 3230.
DIGEST = re.compile(r"\bsha-256=:?([A-Za-z0-9+/]{43}=)", re.ASCII | re.IGNORECASE)
BINARY_GCODE = b"GCDE"
MB = 1 << 20


class PrinterFile:
    """One order, at one server, for one attempt; ``sha256`` is what that told."""

    noun = "file"
    max_redirects = MAX_REDIRECTS

    def __init__(
        self, order: Order, server: FileServer, hosts: Hosts, max_bytes: int
    ) -> None:
        self.sha256 = ""
        self.sender = "Prusa Connect" if order.from_connect else "the server"
        self._order = order
        self._server = server
        self._hosts = hosts
        self._max_bytes = max_bytes
        self._asked = URL()

    def headers(self, url: URL) -> Mapping[str, str]:
        """Token and fingerprint for Prusa Connect, nothing for others."""
        self._asked = url
        if self._hosts.is_server(url):
            return self._server.headers()
        self._hosts.require(url)
        return {}

    def redirected(self, url: URL, location: str, status: int) -> URL:
        """Where to go on, which is never from https to http."""
        try:
            target = url.join(URL(location)) if location else URL()
        except ValueError:
            target = URL()
        is_sound = target.scheme in ("http", "https") and target.host
        if not is_sound or target.user or target.password:
            raise FileRejected(f"{url.host} redirects to nowhere (HTTP {status})")
        if url.scheme == "https" and target.scheme != "https":
            raise FileRejected(f"{url.host} redirects to an insecure address")
        return target

    def expect(self, headers: Mapping[str, str], host: str) -> None:
        """Raise FileRejected for pages, packed files, and another length."""
        coding = headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("identity", ""):
            raise FileRejected(f"{host} sends the file packed")
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in PAGES or kind.startswith("multipart/"):
            raise FileRejected(f"{host} sends {kind} instead of a file")
        wanted, told = self._order.size_bytes, _total(headers)
        if wanted is not None and told is not None and told != wanted:
            raise FileRejected(f"{host} has {told} octets, {wanted} were announced")
        for name in ("Repr-Digest", "Digest"):
            if match := DIGEST.search(headers.get(name, "")):
                self.sha256 = base64.b64decode(match[1]).hex()

    def fault_of(self, block: bytes) -> str:
        """Why Klipper cannot print what begins so."""
        if block.startswith(BINARY_GCODE):
            return "it is binary G-code, which Klipper cannot print"
        if b"\0" in block:
            return "it is no G-code: there are zeros in it"
        if block.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
            return "it is a web page"
        return ""

    def require_size(self, size_bytes: int) -> None:
        """Raise FileRejected for more than was announced, or is allowed."""
        wanted = self._order.size_bytes
        if wanted is not None and size_bytes > wanted:
            raise FileRejected(f"more than the announced {wanted} octets come")
        if size_bytes > self._max_bytes:
            raise FileRejected(f"the file has more than {self._max_bytes // MB} MB")

    def refusal_of(self, reply: Reply) -> PrusaConnectError:
        """What an answer without a file means; only an outage is tried again."""
        status, told = reply.status, told_by(reply, self.redacted)
        if status == 429 or status >= 500:
            return ConnectUnavailable(
                f"{self.sender} is busy or out of order ({told})",
                status=status,
                retry_after_s=retry_after_s(reply.headers),
            )
        if status in (401, 403) and self._hosts.is_server(self._asked):
            return TokenRejected(
                f"Prusa Connect does not give the file to this printer ({told})",
                status=status,
            )
        return FileRejected(
            f"{self.sender} does not give the file ({told})", status=status
        )

    def rejected(self, message: str) -> PrusaConnectError:
        """The error for what is not to be had."""
        return FileRejected(message)

    def redacted(self, text: str) -> str:
        """``text`` without the printer's token."""
        return self._server.redacted(text)


def _total(headers: Mapping[str, str]) -> int | None:
    """How long the whole file is, as far as the head of an answer tells."""
    if "Content-Range" in headers:
        span = span_of(headers)
        return None if span is None else span.total
    length = headers.get("Content-Length", "").strip()
    is_number = length.isascii() and length.isdigit() and len(length) < 19
    return int(length) if is_number else None
