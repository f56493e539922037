# Why a camera's web server gave no picture.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says in plain words what a status or an error of aiohttp means for a camera's owner.

Nothing of aiohttp's own texts is passed on: they hold the URL with its query, and what
a stranger sent.
"""

from __future__ import annotations

import os
import socket
from http import HTTPStatus

import aiohttp

from moonraker_prusacam.camera.dial import explain as explain_connecting
from moonraker_prusacam.errors import (
    SourceError,
    SourceRefused,
    SourceUnavailable,
    SourceUnfit,
)

STREAMS = (
    "usual are /?action=stream or /stream (crowsnest, ustreamer, camera-streamer), "
    "/api/stream.mjpeg?src=NAME (go2rtc), :81/stream (ESP32-CAM), /video (phones)"
)
SNAPSHOTS = (
    "usual are /?action=snapshot or /snapshot (crowsnest, ustreamer, camera-streamer), "
    "/api/frame.jpeg?src=NAME (go2rtc), /capture (ESP32-CAM), /shot.jpg (phones)"
)
RESTART = "is the camera's service running? Restart it"
TRUST = "if it is your camera, set certificate: pin"
# What OpenSSL found (x509_vfy.h), in the words of somebody who owns a camera.
CERTIFICATES = {
    9: "is not valid yet; compare date and time of this host",
    10: "has expired",
    18: "is signed by nobody but itself",
    19: "is signed by somebody whom this host does not trust",
    20: "is signed by somebody whom this host does not trust",
    21: "is signed by somebody whom this host does not trust",
    62: "is for another name",
    64: "is for another address",
}
# What aiohttp begins these messages with.
LARGE_HEADER = ("Too many headers", "Got more than")


class Unanswered(aiohttp.ClientError):
    """The connection ended before the answer began."""


def refusal(status: int, where: str, usual: str) -> SourceError:
    """What an HTTP status other than 200 means; ``usual`` tells of usual addresses."""
    try:
        named = f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        named = str(status)
    if status == HTTPStatus.FORBIDDEN:
        return SourceRefused(
            f"{where} refuses to show the picture: {named}",
            advice="allow this host and this user in the camera's settings",
        )
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return SourceUnavailable(
            f"{where} has nothing at that address: {named}",
            advice=f"compare the path; {usual}",
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SourceUnavailable(
            f"{where} has no picture at the moment: {named}",
            advice="is the camera plugged in, and free? Look into the log of what "
            "serves it",
        )
    return SourceUnavailable(
        f"{where} answers {named}", advice=f"compare the address; {usual}"
    )


def no_such_host(where: str) -> SourceError:
    """What an unknown name means, or one that can be none."""
    return explain_connecting(socket.gaierror(), where)


def explain(error: Exception, where: str, is_answered: bool) -> SourceError:
    """What an error of aiohttp means; ``is_answered``: the body had begun."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return explain_connecting(TimeoutError(), where)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return no_such_host(where)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _explain_certificate(error.certificate_error, where)
    if isinstance(error, aiohttp.ClientSSLError):
        return SourceUnavailable(
            f"{where} and this host find no common TLS",
            advice="compare the port; without encryption write http://",
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        if cause.errno is not None and cause.errno > 0:
            cause = OSError(cause.errno, os.strerror(cause.errno))
        return explain_connecting(cause, where)
    if isinstance(error, aiohttp.ClientResponseError):
        return _explain_no_http(error, where)
    if isinstance(error, Unanswered):
        return SourceUnavailable(
            f"{where} closed the connection without an answer", advice=RESTART
        )
    if is_answered:
        return SourceUnavailable(
            f"{where} broke off in the middle of its answer", advice=RESTART
        )
    kind = type(error).__name__
    return SourceUnavailable(f"{where} could not be asked ({kind})", advice=RESTART)


def _explain_certificate(error: Exception, where: str) -> SourceError:
    code = getattr(error, "verify_code", None)
    if not isinstance(code, int):
        code = 0
    fault = CERTIFICATES.get(code, "is not valid")
    return SourceRefused(f"the certificate of {where} {fault}", advice=TRUST)


def _explain_no_http(error: aiohttp.ClientResponseError, where: str) -> SourceError:
    if any(text in error.message for text in LARGE_HEADER):
        return SourceUnfit(
            f"{where} sends a header without end", advice="is that a camera at all?"
        )
    return SourceUnfit(
        f"what answers at {where} does not speak HTTP correctly",
        advice="compare the port; raw MJPEG, as of rpicam-vid, is tcp://, and "
        "port 554 is rtsp://",
    )
