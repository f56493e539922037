# What came in place of a JPEG.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names what a web server sent, by its first bytes and by what it calls it.

The bytes are believed before the name: many cameras call everything
application/octet-stream, and some call a PNG a JPEG.
"""

from __future__ import annotations

import re

HEAD_BYTES = 16
"""What is needed to tell one from another."""

JPEG = b"\xff\xd8"
# So begins a part of multipart/x-mixed-replace.
DELIMITER = b"--"
BEGINNINGS = (
    (re.compile(rb"\x89PNG"), "a PNG picture"),
    (re.compile(rb"GIF8"), "a GIF picture"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "a WebP picture"),
    (re.compile(rb"....ftyp(?:avif|hei|mif1)", re.DOTALL), "an AVIF or HEIF picture"),
    (re.compile(rb"....ftyp", re.DOTALL), "an MP4 video"),
    (re.compile(rb"\x1aE\xdf\xa3"), "a WebM or Matroska video"),
    (re.compile(rb"\0?\0\0\x01[\x09\x27\x40\x46\x67]"), "an H.264 or H.265 video"),
    (re.compile(rb"FLV\x01"), "a Flash video"),
    (re.compile(rb"#EXTM3U"), "an HLS playlist"),
    (re.compile(rb"<(?:!doctype|html|head|body)", re.IGNORECASE), "a web page"),
    (re.compile(rb"<[?\w]"), "XML"),
    (re.compile(rb'[{\[]\s*["{\[]'), "JSON"),
)
# The first one that fits; None where it may well be JPEGs.
TYPES = (
    ("text/html", "a web page"),
    ("application/xhtml+xml", "a web page"),
    ("application/json", "JSON"),
    ("application/vnd.apple.mpegurl", "an HLS playlist"),
    ("application/x-mpegurl", "an HLS playlist"),
    ("text/", "text"),
    ("audio/", "sound"),
    ("image/jp", None),
    ("image/pjpeg", None),
    ("image/", "a picture that is no JPEG"),
    ("video/x-motion-jpeg", None),
    ("video/x-mjpeg", None),
    ("video/mjpeg", None),
    ("video/jpeg", None),
    ("video/", "a video that is no MJPEG"),
)
CONTENT_TYPE = re.compile(r"\s*([\w.+-]{1,40}/[\w.+-]{1,60})", re.ASCII)


def name_unfit(content_type: str, head: bytes) -> str | None:
    """What a body is that begins with ``head``, if it can hold no JPEG; else None."""
    begin = head.lstrip()
    if begin.startswith((JPEG, DELIMITER)):
        return None
    known = CONTENT_TYPE.match(content_type)
    called = known[1].lower() if known else ""
    for pattern, name in BEGINNINGS:
        if pattern.match(begin):
            is_said = called.startswith(("image/jp", "multipart/"))
            return f"{name} (called {called})" if is_said else _with_type(name, called)
    for prefix, kind in TYPES:
        if called.startswith(prefix):
            return kind and _with_type(kind, called)
    return None


def is_multipart(content_type: str, head: bytes) -> bool:
    """Whether a body that begins with ``head`` is multipart/x-mixed-replace."""
    begin = head.lstrip()
    if begin.startswith(JPEG):
        return False
    return begin.startswith(DELIMITER) or "multipart/" in content_type.lower()


def _with_type(name: str, called: str) -> str:
    return f"{name} ({called})" if called else name
