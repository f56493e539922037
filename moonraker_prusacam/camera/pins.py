# The certificates that cameras showed first.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers a camera's certificate, and refuses another one.

No authority that anybody knows signs a camera's certificate, so the first one is
trusted, as ssh does it. What is remembered:

- The whole certificate's SHA-256, not its public key's: nothing that parses what a
  stranger sent has a part in the decision, and it is what ``openssl x509 -fingerprint``
  shows. A printer's certificate is made with the printer and lasts for years; where
  one is renewed every few months, ``certificate: verify`` is the right choice.
- The host in ``source:`` that showed it. Whoever writes another host there says where
  the camera is, so the first certificate of that one is trusted again. The port does
  not count: a camera may lead to another one, where no new first time may begin.

One that was refused is kept beside it: ``prusacam camera trust`` takes that very one,
and needs no connection to a camera that serves one client only.
"""

from __future__ import annotations

import hmac
import logging
import re
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.durable import sync_directory, write_file
from moonraker_prusacam.errors import SourceRefused

from .certificate import Certificate

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

CONTENT = re.compile(r"sha256 ([0-9a-f]{64})\nhost (\S{1,300})\nname (.{0,64})\n")
MAX_FILE_BYTES = 1024


@attrs.frozen
class Pin:
    """A certificate, and the host that showed it."""

    certificate: Certificate
    host: str


class PinDamaged(ValueError):
    """The file is there, but says nothing that can be used."""


class PinStore:
    """The files of one camera. All of it blocks on the disk."""

    def __init__(self, state_path: Path, camera: str) -> None:
        self._camera = camera
        folder = state_path / "cameras"
        self.path = folder / f"{camera}.pin"
        self.refused_path = folder / f"{camera}.refused"

    @property
    def command(self) -> str:
        """What a person types to trust what was refused."""
        return f"prusacam camera trust {shlex.quote(self._camera)}"

    def known(self) -> Pin | None:
        """What is remembered; raises PinDamaged, OSError."""
        return _read(self.path)

    def refused(self) -> Pin | None:
        """What was refused since the last good connection; raises as ``known``."""
        return _read(self.refused_path)

    def trust(self) -> None:
        """Remember what was refused, in place of what is known; raises OSError.

        The file stays the engine's, whoever runs this.
        """
        self.refused_path.replace(self.path)
        sync_directory(self.path.parent)

    def admit(self, shown: Pin) -> None:
        """Return if ``shown`` is the certificate to trust; raises SourceRefused."""
        try:
            known = self.known()
        except PinDamaged as error:
            self._keep_refused(shown)
            raise SourceRefused(
                f"what the certificate of {shown.host} has to be is not known any "
                f"more: {error}",
                advice=f"it now is {shown.certificate}; if that is right, type: "
                f"{self.command}",
            ) from error
        except OSError as error:
            raise self._unusable(error) from error
        is_same = known is not None and _is_same(known, shown)
        if known is not None and known.host == shown.host and not is_same:
            self._keep_refused(shown)
            raise SourceRefused(
                f"{shown.host} shows another certificate than before: "
                f"{shown.certificate}; it was {known.certificate}",
                advice="if the camera was replaced or reset or has new firmware, type: "
                f"{self.command}; if not, something else answers in its place",
            )
        try:
            if known != shown:
                _write(self.path, shown)
            self.refused_path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        if not is_same:
            log.info(
                "Camera %s: from now on the certificate of %s has to be %s",
                self._camera,
                shown.host,
                shown.certificate,
            )

    def _keep_refused(self, shown: Pin) -> None:
        with suppress(OSError):  # it is refused in any case
            _write(self.refused_path, shown)

    def _unusable(self, error: OSError) -> SourceRefused:
        return SourceRefused(
            "the camera's certificate cannot be compared with the one of the first "
            f"time: {self.path}: {error.strerror}",
            advice="the engine has to be able to read and write that file",
        )


def _is_same(one: Pin, other: Pin) -> bool:
    return hmac.compare_digest(one.certificate.sha256, other.certificate.sha256)


def _read(path: Path) -> Pin | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        return None
    found = CONTENT.fullmatch(content.decode(errors="replace"))
    if found is None:
        raise PinDamaged(f"{path} is damaged")
    digest, host, name = found.groups()
    return Pin(Certificate(bytes.fromhex(digest), name), host)


def _write(path: Path, pin: Pin) -> None:
    shown = pin.certificate
    content = f"sha256 {shown.sha256.hex()}\nhost {pin.host}\nname {shown.name}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content.encode(), mode=0o600)
