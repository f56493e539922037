# How a camera is told who we are.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Basic (RFC 7617) and Digest (RFC 7616, RFC 2069) authentication.

Nothing is sent before a camera has asked, so one that knows Digest never sees a
password. Cameras repeat the header for each scheme, or put several schemes into one;
the best of those that are known here is taken.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moonraker_prusacam.camera_options import Credentials

# A scheme, or a parameter with its value, quoted or not. Nothing is tried twice, so a
# hostile header costs no time.
PIECE = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]++)"
    r'(?:\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]*+)))?'
)
ESCAPED = re.compile(r"\\(.)")
# The best first. Source: RFC 7616, 3.3 and 6.1.
HASHES = {"SHA-256": "sha256", "MD5": "md5"}
SESSION = "-SESS"


@attrs.frozen
class Challenge:
    """What a camera asks for: a scheme in small letters, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]

    @property
    def algorithm(self) -> str:
        """The algorithm of a digest, in capitals."""
        return self.parameters.get("algorithm", "MD5").upper()

    @property
    def is_stale(self) -> bool:
        """Whether nothing was wrong but the age of the nonce."""
        return self.parameters.get("stale", "").lower() == "true"

    @property
    def has_qop(self) -> bool:
        """Whether requests are counted, as they are not in RFC 2069."""
        return bool(self.parameters.get("qop"))

    @property
    def rank(self) -> int | None:
        """The lower, the better; None: not known here."""
        if self.scheme == "basic":
            return len(HASHES)
        kinds = re.split(r"[\s,]+", self.parameters.get("qop", "").lower())
        name = self.algorithm.removesuffix(SESSION)
        if (
            self.scheme != "digest"
            or name not in HASHES
            or "nonce" not in self.parameters
            or (self.has_qop and "auth" not in kinds)
        ):
            return None
        return list(HASHES).index(name)


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """All challenges in the values of WWW-Authenticate headers."""
    found: list[Challenge] = []
    for header in headers:
        parameters: dict[str, str] = {}
        for piece in PIECE.finditer(header):
            name, quoted, plain = piece.groups()
            if quoted is None and plain is None:
                parameters = {}
                found.append(Challenge(name.lower(), parameters))
            else:
                value = plain if quoted is None else ESCAPED.sub(r"\1", quoted)
                parameters.setdefault(name.lower(), value)
    return found


class Authenticator:
    """Answers the challenges of one camera, from the first one on."""

    def __init__(self, credentials: Credentials) -> None:
        self._user = credentials.user
        self._password = credentials.password
        self._challenge: Challenge | None = None
        self._count = 0

    def take(self, challenges: Iterable[Challenge]) -> bool:
        """Remember the best of ``challenges``; False: none of them is known here."""
        ranked = [(one.rank, one) for one in challenges]
        known = [(rank, one) for rank, one in ranked if rank is not None]
        self._challenge = min(known, key=lambda pair: pair[0])[1] if known else None
        self._count = 0
        return self._challenge is not None

    def header(self, method: str, target: str) -> str | None:
        """The value of Authorization for a request; None before the first challenge.

        ``target`` is what stands in the request line.
        """
        if self._challenge is None:
            return None
        if self._challenge.scheme == "basic":
            pair = f"{self._user}:{self._password.reveal()}".encode()
            return f"Basic {base64.b64encode(pair).decode('ascii')}"
        return self._digest(self._challenge, method, target)

    def _digest(self, challenge: Challenge, method: str, target: str) -> str:
        hashing = HASHES[challenge.algorithm.removesuffix(SESSION)]
        realm = challenge.parameters.get("realm", "")
        nonce = challenge.parameters["nonce"]
        self._count += 1
        count = f"{self._count:08x}"
        ours = secrets.token_hex(8)

        def hashed(*parts: str) -> str:
            # What is hashed is the camera's choice.
            text = ":".join(parts).encode()
            return hashlib.new(hashing, text, usedforsecurity=False).hexdigest()

        who = hashed(self._user, realm, self._password.reveal())
        if challenge.algorithm.endswith(SESSION):
            who = hashed(who, nonce, ours)
        what = hashed(method, target)
        counted = (count, ours, "auth") if challenge.has_qop else ()
        fields = {
            "username": _quoted(self._user),
            "realm": _quoted(realm),
            "nonce": _quoted(nonce),
            "uri": _quoted(target),
            "response": _quoted(hashed(who, nonce, *counted, what)),
        }
        # As they were written, and not at all where the camera left them out: some
        # compare texts.
        if "algorithm" in challenge.parameters:
            fields["algorithm"] = challenge.parameters["algorithm"]
        if "opaque" in challenge.parameters:
            fields["opaque"] = _quoted(challenge.parameters["opaque"])
        if challenge.has_qop:
            fields |= {"qop": "auth", "nc": count, "cnonce": _quoted(ours)}
        return "Digest " + ", ".join(
            f"{name}={value}" for name, value in fields.items()
        )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
