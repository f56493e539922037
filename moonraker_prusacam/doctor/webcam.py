# The webcam's address, as a browser reaches it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches what user interfaces are told to show, the way a browser on the network does.

An address without a host is that of the page: the web server of Mainsail or Fluidd
forwards it to the engine, or does not, which is the commonest cause of a dark webcam.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import aiohttp

from moonraker_prusacam.version import __version__

from .finding import Finding, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REQUEST_TIMEOUT_S = 6.0
BEGIN_BYTES = 4096
USER_AGENT = f"moonraker-prusacam/{__version__} (doctor)"
OURS = ("X-Frame-Seq", "X-Prusacam-Placeholder")
JPEG = b"\xff\xd8\xff"
# The address is documentation's (RFC 5737); a datagram socket sends nothing to connect.
SOMEWHERE = ("192.0.2.1", 9)


def own_address() -> str:
    """The address by which others on the network know this host."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(SOMEWHERE)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


async def examine_webcam(
    camera: Mapping[str, Any], ui_url: str | None, port: int
) -> Sequence[Finding]:
    """Fetch snapshot and stream of ``camera``, an entry of ``camera.list``.

    ``ui_url`` is where the user interface is, this host's port 80 if None; ``port`` is
    the engine's own.
    """
    base = ui_url or f"http://{await asyncio.to_thread(own_address)}/"
    name = str(camera["name"])
    snapshot, stream = (
        urljoin(base, str(camera[key])) for key in ("snapshot_url", "stream_url")
    )
    judged = _judge_host(snapshot) if _is_absolute(camera) else None
    if judged is None:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        headers = {"User-Agent": USER_AGENT}
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
            look = _Look(session, port, snapshot)
            judged = await look.at_snapshot(snapshot) or await look.at_stream(stream)
    state, found, remedy = judged or (State.OK, f"found at {_shown(snapshot)}", None)
    return [Finding("webcam", state, found, remedy, name)]


Judgement = tuple[State, str, str | None]


class _Look:
    """Requests as a browser makes them; None is as good as it should be."""

    def __init__(self, session: aiohttp.ClientSession, port: int, url: str) -> None:
        self._session = session
        self._port = port
        self._path = urlsplit(url).path.rpartition("/")[0] + "/"

    async def at_snapshot(self, url: str) -> Judgement | None:
        try:
            async with self._session.get(url) as response:
                begin = await response.content.read(BEGIN_BYTES)
                return self._judge(response, begin, url)
        except TimeoutError:
            found = f"{_shown(url)} does not answer within {REQUEST_TIMEOUT_S:g} s"
            return State.FAILED, found, self._forward()
        except (aiohttp.ClientError, OSError) as error:
            return self._explain(error, url)

    async def at_stream(self, url: str) -> Judgement | None:
        trouble = ""
        try:
            async with self._session.get(url) as response:
                if response.content_type != "multipart/x-mixed-replace":
                    trouble = f"is {response.content_type} (HTTP {response.status})"
                elif not await response.content.read(BEGIN_BYTES):
                    trouble = "ends at once"
        except TimeoutError:
            trouble = f"brings nothing within {REQUEST_TIMEOUT_S:g} s"
        except (aiohttp.ClientError, OSError):
            trouble = "breaks off"
        if not trouble:
            return None
        remedy = (
            f"let nginx pass it on as it comes: 'proxy_buffering off;' in the location "
            f"{self._path} of its configuration"
        )
        found = f"pictures are found, but the stream {_shown(url)} {trouble}"
        return State.FAILED, found, remedy

    def _judge(
        self, response: aiohttp.ClientResponse, begin: bytes, url: str
    ) -> Judgement | None:
        status, kind = response.status, response.content_type
        is_nginx = "nginx" in response.headers.get("Server", "").lower()
        shown = _shown(url)
        if status in (502, 503, 504) and kind != "application/json":
            found = f"{shown}: the web server does not reach the engine (HTTP {status})"
            remedy = (
                f"the engine listens at port {self._port}; the location {self._path} "
                "has to forward to that one: compare [engine] port with proxy_pass and "
                "upstream in nginx's configuration"
            )
            return State.FAILED, found, remedy
        if status == 404 or (status == 200 and kind == "text/html"):
            who = "nginx" if is_nginx else "the web server"
            what = "answers 404" if status == 404 else "sends a page, no picture"
            return State.FAILED, f"{shown}: {who} {what}", self._forward()
        if status in (401, 403):
            found = f"{shown} asks for a login (HTTP {status})"
            remedy = f"let the location {self._path} be read by all who see the page"
            return State.FAILED, found, remedy
        if status != 200:
            return State.FAILED, f"{shown} answers HTTP {status}", self._forward()
        if kind != "image/jpeg" or not begin.startswith(JPEG):
            return State.FAILED, f"{shown} is {kind}, no JPEG", self._forward()
        if not any(header in response.headers for header in OURS):
            found = f"{shown} shows a picture of another program than this engine"
            remedy = (
                f"{self._path} leads to another camera server, crowsnest for example: "
                "stop that one, or set another [engine] port and webcam_url"
            )
            return State.WARNING, found, remedy
        return None

    def _explain(self, error: Exception, url: str) -> Judgement:
        origin = urlsplit(url).netloc
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            found = f"the name in {_shown(url)} is not known"
            return State.FAILED, found, "set webcam_url to a name that browsers know"
        if isinstance(error, aiohttp.ClientConnectorError):
            remedy = (
                "when Mainsail or Fluidd is at another address, name it: prusacam "
                "doctor --ui http://HOST:PORT/"
            )
            return State.WARNING, f"no web server answers at {origin}", remedy
        return State.FAILED, f"{_shown(url)}: the answer breaks off", self._forward()

    def _forward(self) -> str:
        return (
            f"let nginx forward {self._path} to http://127.0.0.1:{self._port}/, as the "
            "configuration of Mainsail and Fluidd does for /webcam2/; or set the "
            "camera's webcam_url"
        )


def _is_absolute(camera: Mapping[str, Any]) -> bool:
    return bool(urlsplit(str(camera["snapshot_url"])).netloc)


def _judge_host(url: str) -> Judgement | None:
    host = urlsplit(url).hostname or ""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        return None
    remedy = (
        "leave port at 8081, which the web server of Mainsail and Fluidd forwards; or "
        "set webcam_url of the camera to an address that browsers reach"
    )
    found = f"only browsers on this host find {_shown(url)}"
    return State.WARNING, found, remedy


def _shown(url: str) -> str:
    return url.partition("?")[0]
