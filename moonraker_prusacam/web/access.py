# Who is let in.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides by address and token whether a request is answered, before anything is done.

A token is worth as much wherever it comes from, so every page's scripts may read what
it opens. An address is not: any page that a browser on the trusted network shows can
make it ask. So what is open to an address alone is not for scripts of other pages,
unless ``cors_origins`` says so; nor is it given by a name that a stranger's DNS may
have bent to this host (DNS rebinding).
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from moonraker_prusacam.access_options import ANY_ORIGIN, AccessConfig
from moonraker_prusacam.errors import AccessDenied, HostUnknown
from moonraker_prusacam.host_names import host_name, is_home_name
from moonraker_prusacam.networks import client_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from moonraker_prusacam.networks import Address
    from moonraker_prusacam.viewing_tokens import ViewingTokens

log = logging.getLogger(__name__)

# For so long a connection that asks the same again is not examined again.
TRUST_S = 5.0
LOG_INTERVAL_S = 60.0
BEARER = "bearer "


@attrs.frozen
class Cors:
    """Headers that tell a browser which pages may read an answer (WHATWG Fetch)."""

    headers: dict[str, str]
    lines: bytes = attrs.field(init=False)

    @lines.default
    def _format(self) -> bytes:
        lines = (f"{name}: {value}\r\n" for name, value in self.headers.items())
        return "".join(lines).encode("latin-1")


def _allowing(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Private-Network": "true",
    }


TO_ALL = Cors(_allowing(ANY_ORIGIN))
TO_NONE = Cors({})
TO_OTHERS = Cors({"Vary": "Origin"})


@attrs.frozen
class Admission:
    """A request may be answered, and the same one again until ``until_s``.

    ``until_s`` is of the monotonic clock. A stream may last for ``lifetime_s``.
    """

    cors: Cors
    address: Address | None
    until_s: float = math.inf
    lifetime_s: float | None = None


class Access:
    """The rules of ``[access]``; without any, everybody may see everything."""

    def __init__(
        self,
        config: AccessConfig | None = None,
        tokens: ViewingTokens | None = None,
        hosts: Iterable[str] = (),
    ) -> None:
        self._config = config or AccessConfig()
        self._tokens = tokens
        self._refusals = _RefusalLog()
        origins = self._config.cors_origins
        self._origins = {
            origin: Cors({**_allowing(origin), "Vary": "Origin"})
            for origin in origins or ()
        }
        self._hosts = {*self._config.hosts, *hosts}
        self._hosts |= {urlsplit(origin).hostname or "" for origin in origins or ()}
        self.is_open = self._config.is_open

    @property
    def default_cors(self) -> Cors:
        """What answers tell that nobody was let in for."""
        return TO_ALL if self.is_open else TO_NONE

    def admit(
        self,
        peer: object,
        headers: Sequence[tuple[str, str]],
        token: str | None,
        camera: str | None,
    ) -> Admission:
        """Let somebody see ``camera``, or everything if that is None.

        ``peer`` is the socket's name, ``token`` the one in the query. Raises
        AccessDenied; see ``tell``.
        """
        config = self._config
        address = client_address(peer, headers, config.trusted_proxies)
        if self.is_open:
            return Admission(TO_ALL, address)
        said = {name.lower(): value for name, value in headers}
        if config.require_token and address not in config.trusted_networks:
            left_s = self._check(token or _bearer(said), camera, address)
            until_s = time.monotonic() + min(left_s, TRUST_S)
            return Admission(self._cors(said, TO_ALL), address, until_s, left_s)
        self._expect_host(said.get("host", ""))
        return Admission(self._cors(said, TO_NONE), address)

    def tell(self, peer: object, error: AccessDenied) -> None:
        """Log a refusal, or count it where the log has just told of one."""
        self._refusals.count(peer, str(error))

    def _check(
        self, token: str | None, camera: str | None, address: Address | None
    ) -> float:
        """How many seconds ``token`` is good; AccessDenied tells why it is needed."""
        if self._tokens is None:
            raise AccessDenied("nobody is let in: there is no key for tokens")
        try:
            return self._tokens.check(token, camera)
        except AccessDenied as error:
            if not self._config.trusted_networks:
                raise
            where = "your address is not known"
            if address is not None:
                where = f"your address {address} is not in trusted_networks"
            raise AccessDenied(f"{error}; {where}") from None

    def _cors(self, said: dict[str, str], usual: Cors) -> Cors:
        origins = self._config.cors_origins
        if origins is None:
            return usual
        if ANY_ORIGIN in origins:
            return TO_ALL
        return self._origins.get(said.get("origin", "").lower(), TO_OTHERS)

    def _expect_host(self, said: str) -> None:
        """Raise HostUnknown where ``said`` may be the name of a stranger."""
        name = host_name(said)
        if name is None or not (name in self._hosts or is_home_name(name)):
            raise HostUnknown(
                "this host is not known by the name in the request; if it is the right "
                "one, add it to 'hosts' in [access]"
            )


def _bearer(said: dict[str, str]) -> str | None:
    value = said.get("authorization", "")
    if value[: len(BEARER)].lower() != BEARER:
        return None
    return value[len(BEARER) :].strip()


class _RefusalLog:
    """Tells of refusals, at most once in ``LOG_INTERVAL_S``."""

    def __init__(self) -> None:
        self._told_s = -math.inf
        self._untold = 0

    def count(self, peer: object, reason: str) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < LOG_INTERVAL_S:
            self._untold += 1
            return
        host = str(peer[0]) if isinstance(peer, tuple) and peer else "a Unix socket"
        others = f" (and {self._untold} before)" if self._untold else ""
        log.warning("A viewer at %s was not let in%s: %s", host, others, reason)
        self._told_s, self._untold = now_s, 0
