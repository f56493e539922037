# Whether the web server before the engine can be believed.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims somebody else's address, as anybody may, and looks whether it is believed.

Stock configurations of nginx hand on such a claim. Where ``trusted_proxies`` believes
them, everybody can be in ``trusted_networks``.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import aiohttp

from moonraker_prusacam.networks import parse_address

from .finding import Finding, State
from .webcam import REQUEST_TIMEOUT_S, USER_AGENT, own_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moonraker_prusacam.networks import Networks

# Documentation's (RFC 5737): nobody has it.
CLAIMED = "192.0.2.1"
CLAIMS = {
    "X-Forwarded-For": CLAIMED,
    "X-Real-IP": CLAIMED,
    "Forwarded": f"for={CLAIMED}",
}
REMEDY = (
    "put what 'prusacam nginx' prints in place of the location that leads to the "
    "engine, and reload nginx; until then take 'trusted_proxies' out of [access]"
)


async def examine_proxy(
    camera: Mapping[str, Any], ui_url: str | None, proxies: Networks
) -> Sequence[Finding]:
    """Ask for a picture of ``camera`` without a token, in two names.

    ``proxies`` are believed, whatever they say, so nothing is learnt by being one.
    """
    base = ui_url or f"http://{await asyncio.to_thread(own_address)}/"
    url = _without_token(urljoin(base, str(camera["snapshot_url"])))
    host = urlsplit(url).hostname or ""
    if host == "localhost" or parse_address(host) in proxies:
        found = "cannot be told from here: name the web server as browsers do, by --ui"
        return [Finding("proxy", State.SKIPPED, found)]
    timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
    headers = {"User-Agent": USER_AGENT}
    try:
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
            claimed = await _refusal(session, url, CLAIMS)
            honest = await _refusal(session, url, {})
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return [Finding("proxy", State.SKIPPED, "'webcam' tells what is wrong first")]
    if CLAIMED in claimed:
        found = (
            "the web server hands on what anybody claims to be, and trusted_proxies "
            "believes it: everybody can be in trusted_networks"
        )
        return [Finding("proxy", State.FAILED, found, REMEDY)]
    if "address is not known" in honest:
        found = "the web server does not tell the engine who asks"
        return [Finding("proxy", State.WARNING, found, REMEDY)]
    return [Finding("proxy", State.OK, "tells who asks, and hands on no claims")]


async def _refusal(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]
) -> str:
    """The words of a refusal, "" where there is none; raises as aiohttp does."""
    async with session.get(url, headers=headers) as response:
        if response.status != HTTPStatus.UNAUTHORIZED:
            response.raise_for_status()
            return ""
        answer = await response.json()
        return str(answer.get("detail", "")) if isinstance(answer, dict) else ""


def _without_token(url: str) -> str:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query) if pair[0] != "token"]
    return parts._replace(query=urlencode(query)).geturl()
