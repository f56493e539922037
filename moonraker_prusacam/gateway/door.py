# Who may come in.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides about a request before anything of it is done.

The address must be in ``networks``, and the token be shown, where one is configured.
Two more questions are about browsers, which ask for whichever page is open. The name
that the gateway was found by must be one that nobody outside can give it: a name of an
attacker's, made to point here, is how pages reach into home networks. And the page must
come from this host, or from one that is configured.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs

from moonraker_prusacam.errors import AccessRefused
from moonraker_prusacam.host_names import host_name, is_home_name
from moonraker_prusacam.networks import client_address

if TYPE_CHECKING:
    from aiohttp import web

    from moonraker_prusacam.gateway_options import GatewayConfig
    from moonraker_prusacam.networks import Address

BEARER = "bearer "


class Door:
    """The rules of ``config``."""

    def __init__(self, config: GatewayConfig) -> None:
        self._config = config

    def admit(self, request: web.BaseRequest) -> Address:
        """The address of a viewer who may come in; raises AccessRefused."""
        peer = request.transport and request.transport.get_extra_info("peername")
        address = client_address(
            peer, request.headers.items(), self._config.trusted_proxies
        )
        if address is None or address not in self._config.networks:
            who = "an unknown address" if address is None else str(address)
            raise AccessRefused(f"{who} is in none of [gateway] networks")
        host = self._check_host(request)
        self._check_origin(request, host)
        # A browser asks in advance whether it may, and shows nothing with that.
        if request.method != hdrs.METH_OPTIONS and not self._shows_token(request):
            raise AccessRefused(
                "show the viewers' token, as X-Api-Key, as a bearer, or as ?token=",
                http_status=HTTPStatus.UNAUTHORIZED,
            )
        return address

    def _check_host(self, request: web.BaseRequest) -> str:
        written = request.headers.getall("Host", [])
        host = host_name(written[0]) if len(written) == 1 else None
        if host is None:
            raise AccessRefused(
                "a request has one Host", http_status=HTTPStatus.BAD_REQUEST
            )
        if not (is_home_name(host) or host in self._config.hosts):
            raise AccessRefused(
                f"{host} is a name unknown here; add it to [gateway] hosts",
                http_status=HTTPStatus.MISDIRECTED_REQUEST,
            )
        return host

    def _check_origin(self, request: web.BaseRequest, host: str) -> None:
        for origin in request.headers.getall("Origin", []):
            scheme, _, name = origin.partition("://")
            if scheme in ("http", "https") and host_name(name) == host:
                continue
            if origin.lower() not in self._config.cors_origins:
                raise AccessRefused(
                    f"pages of {origin[:80]!r} may not read from here; add it to "
                    "[gateway] cors_origins"
                )

    def _shows_token(self, request: web.BaseRequest) -> bool:
        if self._config.token is None:
            return True
        bearer = request.headers.get("Authorization", "")
        shown = [
            request.headers.get("X-Api-Key", ""),
            bearer[len(BEARER) :] if bearer.lower().startswith(BEARER) else "",
            request.query.get("token", ""),
        ]
        wanted = self._config.token.reveal().encode()
        # All are compared, so that the time does not tell which came close.
        matches = [
            hmac.compare_digest(text.encode(errors="replace"), wanted) for text in shown
        ]
        return any(matches)
