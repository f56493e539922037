# A camera that is to be added to prusacam.conf.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ``[camera NAME]`` made of what a user says, checked together with the whole file.

Who can open Mainsail can read prusacam.conf, so a password or an access code goes into
a file of its own, and what was written before an ``@`` in the URL does, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from . import config as configuration
from . import config_file, ini
from .camera_options import secret_text
from .durable import write_file
from .errors import ConfigError
from .source_url import NETWORK, SourceUrl, source_url

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .camera_options import CameraConfig
    from .config import Config
    from .secret import Secret

SECRETS = ("password", "access_code")
OWN_OPTIONS = {
    "source": "is the URL",
    "username": "is --username",
    **{f"{name}_file": f"is --{name.replace('_', '-')}-file" for name in SECRETS},
    **dict.fromkeys(SECRETS, "does not belong into a command line"),
}
STAND_IN = "x"


@attrs.frozen
class CameraSection:
    """What is known of the camera; ``secret`` is what was entered, not yet stored.

    ``secret_file`` holds the secret, or is to hold it.
    """

    name: str
    source: SourceUrl
    written_source: str = attrs.field(repr=False)
    settings: tuple[tuple[str, str], ...] = ()
    username: str | None = None
    secret: Secret | None = None
    secret_file: Path | None = None

    @property
    def secret_name(self) -> str:
        """The option that the secret is for."""
        return secret_name(self.source)

    @property
    def text(self) -> str:
        """The section as it is written."""
        return _section(self.name, self._options(self.written_source))

    @property
    def shown(self) -> str:
        """The section as it may be shown."""
        shown = str(source_url(self.written_source))
        return _section(self.name, self._options(shown))

    def check(self, content: bytes, file: Path) -> tuple[Config, CameraConfig]:
        """What the file ``content`` with this section means, and the camera in it.

        Raises ConfigErrors for mistakes in either, ConfigError for what cannot be
        written down.
        """
        options = self._options(self.written_source, is_stored=False)
        for name, value in options:
            self._expect_readable(name, value)
        text = _section(self.name, options)
        whole = config_file.extended(content, text).decode()
        config = configuration.loads(whole, str(file))
        camera = next(camera for camera in config.cameras if camera.name == self.name)
        if self.secret is None:
            return config, camera
        if self.source.scheme == "bambu":
            return config, attrs.evolve(camera, access_code=self.secret)
        return config, attrs.evolve(camera, password=self.secret)

    def store_secret(self) -> None:
        """Write what was entered, for its owner only; raises ConfigError."""
        if self.secret is None or self.secret_file is None:
            return
        try:
            self.secret_file.parent.mkdir(parents=True, exist_ok=True)
            content = f"{self.secret.reveal()}\n".encode()
            write_file(self.secret_file, content, mode=0o600)
        except OSError as error:
            raise ConfigError(f"{self.secret_file}: {error.strerror}") from error

    def _options(self, source: str, *, is_stored: bool = True) -> list[tuple[str, str]]:
        options = [("source", source)]
        if self.username is not None:
            options.append(("username", self.username))
        if self.secret is not None and not is_stored:
            options.append((self.secret_name, STAND_IN))
        elif self.secret_file is not None:
            options.append((f"{self.secret_name}_file", str(self.secret_file)))
        return [*options, *self.settings]

    def _expect_readable(self, name: str, value: str) -> None:
        """Refuse a value that would be read in another way than it is meant."""
        sections, errors = ini.parse(_section(self.name, [(name, value)]))
        options = sections[0].options
        is_alone = not errors and len(sections) == len(options) == 1
        if not is_alone or name not in options or options[name].text != value:
            raise ConfigError(
                "cannot be written into the file as it is: it holds a line end, a "
                "blank and '#', or something else that means more there",
                section=f"camera {self.name}",
                option=name,
            )


def compose(
    name: str,
    url: str,
    *,
    settings: Iterable[str] = (),
    username: str | None = None,
    secret: Secret | None = None,
    secret_file: Path | None = None,
) -> CameraSection:
    """A section of what was typed; raises ConfigError.

    User and password of the URL are taken out of it. ``settings`` are ``option=value``.
    """
    name, url = " ".join(name.split()), url.strip()
    if not configuration.CAMERA_NAME.fullmatch(name):
        raise ConfigError(
            "a camera's name has 1 to 64 letters, digits, blanks, '_', '.' or '-'"
        )
    source = parse_url(url)
    written = url
    if source.user is not None:
        if username is not None:
            raise ConfigError("the URL has a user, and --username is another one")
        username, written = source.user, source.reveal()
        secret = secret or source.password or None
    if secret is not None:
        _expect_storable(secret)
    return CameraSection(
        name,
        source,
        written,
        tuple(map(_setting, settings)),
        username,
        secret,
        secret_file,
    )


def parse_url(text: str) -> SourceUrl:
    """The URL; raises ConfigError, without the text."""
    try:
        return source_url(text)
    except ValueError as error:
        raise ConfigError(f"the URL {error}") from None


def secret_name(source: SourceUrl) -> str:
    """What this kind of source calls its secret."""
    return "access_code" if source.scheme == "bambu" else "password"


def is_same(one: SourceUrl, other: SourceUrl) -> bool:
    """Whether both are one source, whoever logs in."""
    if one == other or one.scheme != other.scheme:
        return one == other
    return one.scheme in NETWORK and one.reveal() == other.reveal()


def _section(name: str, options: list[tuple[str, str]]) -> str:
    lines = (f"{option}: {value}\n" for option, value in options)
    return f"[camera {name}]\n{''.join(lines)}"


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in text.partition("="))
    name = name.lower()
    if not equals or not name.isidentifier():
        raise ConfigError("--set takes OPTION=VALUE, such as rotation=180")
    if name in OWN_OPTIONS:
        raise ConfigError(f"--set {name}: {OWN_OPTIONS[name]}")
    return name, value


def _expect_storable(secret: Secret) -> None:
    text = secret.reveal()
    is_short = len(text.encode()) < configuration.MAX_SECRET_FILE_BYTES
    try:
        is_same_text = secret_text(text.strip()).reveal() == text
    except ValueError:
        is_same_text = False
    if not is_same_text or not is_short:
        raise ConfigError(
            "the password is empty or very long, has more than one line, or blanks at "
            "its ends: that cannot be kept in a file"
        )
