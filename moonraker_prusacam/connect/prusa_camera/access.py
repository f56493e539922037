# Where a camera's videos are, and who may have them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and logins, both made of secrets that nobody is shown.

By one guess, Prusa Connect gives videos to who has the camera's token and fingerprint;
by another, to who is logged in to its account. So there are both.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import attrs
from yarl import URL

from moonraker_prusacam.errors import ConfigError, TokenRejected
from moonraker_prusacam.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.prusa_camera_options import PrusaCameraConfig

CAMERA, ACCOUNT = "fingerprint", "bearer token"
MAX_JWT_BYTES = 16 << 10
# RFC 6750, 2.1.
BEARER = re.compile(rb"[A-Za-z0-9._~+/-]{8,}=*")


@attrs.frozen
class Login:
    """One way to show who we are."""

    name: str
    headers: dict[str, str] = attrs.field(repr=False)
    secrets: tuple[Secret, ...]  # that may be in an answer to anybody

    def redacted(self, text: str) -> str:
        """``text`` without what nobody may see."""
        for secret in self.secrets:
            text = text.replace(secret.reveal(), "***")
        return text


class Access:
    """Addresses and logins of one camera."""

    def __init__(self, config: PrusaCameraConfig) -> None:
        self._config = config

    def url(self, job_name: str) -> URL:
        """Where the video of ``job_name`` is; holds the token."""
        return URL(self._filled(job_name, self._config.secret.reveal()), encoded=True)

    def shown_url(self, job_name: str) -> str:
        """The same for people, without the token."""
        return self._filled(job_name, "***")

    async def logins(self) -> list[Login]:
        """The ways that are configured, the camera's own first; or TokenRejected."""
        token, fingerprint = self._config.secret, self._config.fingerprint
        try:
            jwt = await self.jwt()
        except ConfigError as error:
            if fingerprint is None:
                raise TokenRejected(str(error), cause=ACCOUNT) from None
            jwt = None
        secrets = tuple(filter(None, (token, fingerprint, jwt)))
        found = []
        if fingerprint is not None:
            headers = {"Token": token.reveal(), "Fingerprint": fingerprint.reveal()}
            found.append(Login(CAMERA, headers, secrets))
        if jwt is not None:
            headers = {"Authorization": f"Bearer {jwt.reveal()}"}
            found.append(Login(ACCOUNT, headers, secrets))
        if not found:
            raise TokenRejected(
                "a video needs 'fingerprint' or 'jwt_file' in prusacam.conf"
            )
        return found

    @property
    def has_jwt_file(self) -> bool:
        """Whether a file with the account's token is configured."""
        return self._config.jwt_file is not None

    async def jwt(self) -> Secret | None:
        """The account's token as it is stored now; raises ConfigError."""
        if (path := self._config.jwt_file) is None:
            return None
        return await asyncio.to_thread(read_jwt, path)

    def _filled(self, job_name: str, token: str) -> str:
        return self._config.download_url.format(
            server=self._config.server.rstrip("/"),
            camera_token=token,
            job_name=quote(job_name, safe=""),
        )


def read_jwt(path: Path) -> Secret:
    """The bearer token in a file; ConfigError, which does not show it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_JWT_BYTES + 1).strip()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if len(content) > MAX_JWT_BYTES or not BEARER.fullmatch(content):
        raise ConfigError(f"{path} does not hold one bearer token, and nothing else")
    return Secret(content.decode("ascii"))
