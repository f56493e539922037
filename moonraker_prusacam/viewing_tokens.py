# Tokens that let a viewer see a camera until a certain moment.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes and checks viewing tokens; nothing is kept of them but the key.

A token is two parts of URL-safe Base64 (RFC 4648, section 5, without padding) and a
dot between them: what it allows, as ``1 EXPIRES CAMERA`` with unix seconds and an
empty name for all cameras, and HMAC-SHA256 (RFC 2104) over the first part as it
stands. So the same key makes the same token of the same words, and a new key makes all
of them void.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import os
import secrets
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .durable import write_file
from .errors import AccessDenied, ConfigError
from .onward_clock import OnwardClock

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

KEY_BYTES = 32
MAX_FILE_BYTES = 1024
MAX_TOKEN_CHARACTERS = 512
# Of this use alone, should the key ever get another.
PURPOSE = b"prusacam viewing token 1\n"
DAY_S = 86400
OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO
NEEDED = (
    "a viewing token is needed: ?token=TOKEN, or 'Authorization: Bearer TOKEN'; "
    "'prusacam token' makes one"
)
FOR_ANOTHER = "the token is for one camera, and this is not of that camera alone"
NOT_OURS = "the token is not one of this host's, or was revoked"


class ViewingTokens:
    """Issues and checks tokens by the key in ``<state_path>/access/viewing.key``.

    ``load`` first; what blocks on the disk says so.
    """

    def __init__(self, state_path: Path) -> None:
        folder = state_path / "access"
        self.path = folder / "viewing.key"
        self.clock = OnwardClock(folder / "clock")
        self._key: bytes | None = None

    def load(self) -> None:
        """Read the key, made at first use; blocks on the disk, raises ConfigError."""
        self.clock.load()
        try:
            self._key = self._read() or self._create()
        except OSError as error:
            raise self._unusable(error) from error

    def revoke(self) -> None:
        """Make all tokens void by a new key; blocks on the disk, raises ConfigError."""
        key = secrets.token_bytes(KEY_BYTES)
        try:
            self._make_folder()
            write_file(self.path, key.hex().encode("ascii") + b"\n", mode=0o600)
            self._give_to_owner(self.path)
            self.clock.restart()
            self._give_to_owner(self.clock.path)
        except OSError as error:
            raise self._unusable(error) from error
        self._key = key

    def issue(self, camera: str | None, lifetime_s: float) -> str:
        """A token for ``camera``, for all if None, that expires after so long."""
        return self._sign(camera, int(self.clock.now_s + lifetime_s))

    def shared(self, camera: str | None) -> str:
        """The token for programs that ask for it anew: another one every day.

        It is good for one to two days, so that who has just read it can use it.
        """
        return self._sign(camera, (self.day + 2) * DAY_S)

    @property
    def day(self) -> int:
        """The day by the clock of tokens; with it changes what ``shared`` gives."""
        return int(self.clock.now_s) // DAY_S

    def check(self, token: str | None, camera: str | None) -> float:
        """How many seconds ``token`` is good for ``camera``; for everything if None.

        Raises AccessDenied with words that hold nothing of the token.
        """
        if token is None:
            raise AccessDenied(NEEDED)
        expires_s, name = self._open(token)
        left_s = expires_s - self.clock.now_s
        if left_s <= 0:
            when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(expires_s))
            raise AccessDenied(f"the token expired at {when}; ask for a new one")
        if name and name != camera:
            what = "everything" if camera is None else "another camera"
            raise AccessDenied(
                f"the token is for one camera, this needs one for {what}"
            )
        return left_s

    def _sign(self, camera: str | None, expires_s: int) -> str:
        content = _encode(f"1 {expires_s} {camera or ''}".encode())
        return f"{content}.{_encode(self._digest(content))}"

    def _open(self, token: str) -> tuple[int, str]:
        """When it expires, and its camera; nothing is read before the signature is."""
        content, _, signature = token.partition(".")
        if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
            raise AccessDenied(NOT_OURS)
        expected = _encode(self._digest(content))
        if not hmac.compare_digest(signature, expected):
            raise AccessDenied(NOT_OURS)
        version, expires, camera = _decode(content).decode().split(" ", 2)
        if version != "1":
            raise AccessDenied(NOT_OURS)
        return int(expires), camera

    def _digest(self, content: str) -> bytes:
        if self._key is None:
            raise AccessDenied(NOT_OURS)
        return hmac.digest(self._key, PURPOSE + content.encode("ascii"), "sha256")

    def _read(self) -> bytes | None:
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read(MAX_FILE_BYTES)
        except FileNotFoundError:
            return None
        if mode & OTHERS_MAY_READ:
            self.path.chmod(0o600)
            log.warning(
                "%s could be read by other users; 'prusacam token --revoke' makes a "
                "new one",
                self.path,
            )
        with suppress(binascii.Error):
            key = binascii.unhexlify(content.strip())
            if len(key) == KEY_BYTES:
                return key
        raise ConfigError(
            f"the key of viewing tokens {self.path} is damaged: 'prusacam token "
            "--revoke' makes a new one, and all tokens void"
        )

    def _create(self) -> bytes:
        """Make the key, or take the one that somebody else has just made."""
        self._make_folder()
        key = secrets.token_bytes(KEY_BYTES)
        made = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        write_file(made, key.hex().encode("ascii") + b"\n", mode=0o600)
        self._give_to_owner(made)
        try:
            os.link(made, self.path)
        except FileExistsError:
            return self._read() or key
        finally:
            made.unlink(missing_ok=True)
        return key

    def _unusable(self, error: OSError) -> ConfigError:
        reason = f"the key of viewing tokens {self.path} cannot be used"
        return ConfigError(f"{reason}: {error.strerror}")

    def _make_folder(self) -> None:
        folder = self.path.parent
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            self._give_to_owner(folder)

    def _give_to_owner(self, made: Path) -> None:
        """Leave ``made`` to whose folder this is, where root has made it."""
        if os.geteuid() == 0:
            owner = self.path.parent.parent.stat()
            os.chown(made, owner.st_uid, owner.st_gid)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
