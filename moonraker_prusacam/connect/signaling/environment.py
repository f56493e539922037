# Where the signalling server is.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the address from Prusa Connect's own settings, or checks a configured one.

Prusa Connect's web page loads ``/environment.js``, a list of assignments such as
``window.CAMERA_SIGNALING_SERVER = 'camera-signaling.prusa3d.com'``: a host, without a
scheme. Source: several clients that read it.
"""

from __future__ import annotations

import re

import aiohttp
from yarl import URL

from moonraker_prusacam.connect.api import USER_AGENT, described, parse_server
from moonraker_prusacam.errors import ConfigError, SignalingUnavailable

READ_TIMEOUT_S = 15.0  # the whole exchange, name look-up to the last octet
MAX_PAGE_BYTES = 256 << 10
MAX_ADDRESS = 255
PAGE = "environment.js"
ADVICE = "set signaling_url in prusacam.conf to the address of the signalling server"
SCHEMES = {"https": "https", "wss": "https", "http": "http", "ws": "http"}
PATHS = ("", "/", "/socket.io", "/socket.io/")

ASSIGNMENT = re.compile(
    r"""(?<![\w.])window\.CAMERA_SIGNALING_SERVER\s*=\s*(['"`])([^'"`\r\n]*)\1"""
)


def signaling_url(text: str) -> str:
    """``https://host`` of a signalling server; a bare host is taken for one, too.

    Raises ConfigError. A path is not kept: Socket.IO's is always the same.
    """
    plain = text.strip()
    try:
        url = URL(plain if "://" in plain else f"https://{plain}")
        fits = (
            len(plain) <= MAX_ADDRESS
            and plain.isprintable()
            and " " not in plain
            and url.scheme in SCHEMES
            and bool(url.host)
            and url.user is None
            and url.password is None
            and url.path in PATHS
        )
    except ValueError:
        url, fits = URL(), False
    if not fits:
        raise ConfigError(
            "the address of a signalling server is like "
            "https://camera-signaling.prusa3d.com, without user, password and path"
        )
    return str(url.with_scheme(SCHEMES[url.scheme]).origin())


async def read_signaling_url(server: str) -> str:
    """The address that the Prusa Connect at ``server`` names.

    Raises ConfigError for a ``server`` that is none, else SignalingUnavailable.
    """
    base = parse_server(server)
    page = await _read(base / PAGE)
    found = ASSIGNMENT.findall(page)
    if not found:
        kind = "a web page" if page.lstrip()[:1] == "<" else "something"
        raise SignalingUnavailable(
            f"{base.host} sent {kind} that names no signalling server as {PAGE}",
            advice=ADVICE,
        )
    try:
        url = signaling_url(found[-1][1])  # the last one holds, as in a browser
    except ConfigError:
        raise SignalingUnavailable(
            f"{base.host} names a signalling server whose address makes no sense",
            advice=ADVICE,
        ) from None
    if base.scheme == "https" and not url.startswith("https:"):
        raise SignalingUnavailable(
            f"{base.host} names a signalling server without TLS; it gets no token",
            advice=ADVICE,
        )
    return url


async def _read(url: URL) -> str:
    try:
        async with (
            aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=READ_TIMEOUT_S),
            ) as session,
            session.get(
                url, headers={"User-Agent": USER_AGENT}, allow_redirects=False
            ) as response,
        ):
            if response.status != 200:
                words = f"{url.host} answered HTTP {response.status} for {PAGE}"
                raise SignalingUnavailable(words, advice=ADVICE)
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > MAX_PAGE_BYTES:
                    words = f"the {PAGE} of {url.host} is too long to be one"
                    raise SignalingUnavailable(words, advice=ADVICE)
    except TimeoutError:
        trouble = f"no answer from {url.host} in {READ_TIMEOUT_S:g} s"
    except SignalingUnavailable:  # an OSError as well
        raise
    except (aiohttp.ClientError, OSError) as error:
        trouble = f"{url.host}: {described(error)}"
    else:
        return content.decode(errors="replace")
    raise SignalingUnavailable(trouble)
