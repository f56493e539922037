# What an import does to the files.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the settings of another uploader to our files: decided whole, then written.

prusacam.conf gets sections at its end, and every byte that is in it stays. Identities
are never overwritten. A second import of the same file changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam import config as configuration
from moonraker_prusacam import config_file, ini
from moonraker_prusacam.errors import ConfigError, ConfigErrors
from moonraker_prusacam.option import path as parse_path

from .identity import fingerprint_path, holds_other, store_secret

if TYPE_CHECKING:
    from pathlib import Path

    from .takeover import Takeover

DEFAULT_CAMERA = "front"


@attrs.frozen
class ImportPlan:
    """Which files get what; ``sections`` is what prusacam.conf lacks.

    ``shown`` is that as people are shown it, without what is secret.
    """

    takeover: Takeover
    camera: str
    token_path: Path
    fingerprint_path: Path
    file: Path
    content: bytes
    sections: str = attrs.field(repr=False)
    shown: str
    lacks_source: bool

    def store_identity(self) -> None:
        """Write token and fingerprint, for their owner only; raises ConfigError."""
        store_secret(self.fingerprint_path, self.takeover.fingerprint)
        store_secret(self.token_path, self.takeover.token)

    def write_configuration(self) -> None:
        """Add the sections; raises ConfigErrors, and then nothing is changed."""
        config_file.replace(
            self.file, config_file.extended(self.content, self.sections)
        )


def plan_import(takeover: Takeover, file: Path, camera: str | None) -> ImportPlan:
    """What is to be done for ``camera``, in the configuration ``file``.

    Raises ConfigError when that would overwrite something, or ``camera`` is not clear,
    and ConfigErrors for mistakes in ``file``.
    """
    content = config_file.read(file)
    sections = config_file.parse(content, file)
    name = _choose_camera(sections, takeover, camera)
    data_path = _data_path(sections, file)
    _expect_own(data_path, file)
    state_path = configuration.EngineConfig(data_path=data_path).state_path
    fingerprint = fingerprint_path(state_path, name)
    token_path = fingerprint.with_name(f"{name}.token")
    _refuse_others(takeover, fingerprint, token_path)
    lines, lacks_source = _lines(takeover, sections, name, token_path, file)
    added = shown = "".join(f"{line}\n" for line in lines)
    if takeover.source is not None:
        shown = added.replace(takeover.source.text.reveal(), takeover.source.shown)
    return ImportPlan(
        takeover,
        name,
        token_path,
        fingerprint,
        file,
        content,
        added,
        shown,
        lacks_source,
    )


def _choose_camera(
    sections: dict[str, ini.Section], takeover: Takeover, wanted: str | None
) -> str:
    """The camera that is meant: by its name, or the only one that it can be."""
    if wanted is not None:
        if not configuration.CAMERA_NAME.fullmatch(wanted):
            raise ConfigError(
                "--camera: a name has 1 to 64 letters, digits, blanks, '_', '.' or '-'"
            )
        return wanted
    names = [
        name.removeprefix("camera ") for name in sections if name.startswith("camera ")
    ]
    if takeover.name in names or not names:
        return takeover.name or DEFAULT_CAMERA
    possible = [
        name
        for name in names
        if (section := sections.get(f"connect {name}")) is None
        or _has_token(section, takeover)
    ]
    if len(possible) == 1:
        return possible[0]
    if takeover.name and not possible:
        return takeover.name
    known = ", ".join(possible or names)
    raise ConfigError(
        f"say which camera it is with --camera; there is: {known}"
        if possible
        else f"{known}: connected with another token already; for one more camera, "
        "say how it is called with --camera NAME"
    )


def _data_path(sections: dict[str, ini.Section], file: Path) -> Path:
    engine = sections.get("engine")
    written = engine and engine.options.get("data_path")
    if not written:
        return configuration.EngineConfig().data_path
    try:
        return parse_path(written.text)
    except ValueError as error:
        mistake = ConfigError(
            str(error), section="engine", option="data_path", line=written.line
        )
        raise ConfigErrors(str(file), (mistake,)) from None


def _expect_own(data_path: Path, file: Path) -> None:
    try:
        config_file.expect_own(data_path)
    except OSError as error:
        raise ConfigError(
            f"{data_path}: {error.strerror}; name Moonraker's data folder in {file}, "
            "[engine] data_path"
        ) from error


def _refuse_others(takeover: Takeover, fingerprint: Path, token: Path) -> None:
    if holds_other(fingerprint, takeover.fingerprint):
        raise ConfigError(
            f"{fingerprint} holds another fingerprint, and is left as it is. Is it one "
            "more camera? Say how it is called with --camera NAME. Else, if the "
            "imported one is that of the camera in Prusa Connect: stop the engine, "
            f"mv '{fingerprint}' '{fingerprint}.old', and import again"
        )
    if holds_other(token, takeover.token):
        raise ConfigError(
            f"{token} holds another token, and is left as it is. When the imported one "
            f"is that of the camera: mv '{token}' '{token}.old', and import again"
        )


def _lines(
    takeover: Takeover,
    sections: dict[str, ini.Section],
    name: str,
    token_path: Path,
    file: Path,
) -> tuple[list[str], bool]:
    """What is to be added to the configuration, and whether the source is unknown."""
    lines: list[str] = []
    lacks_source = False
    if f"camera {name}" not in sections:
        lacks_source = takeover.source is None
        source = takeover.source.text.reveal() if takeover.source else "SOURCE"
        lines += [f"[camera {name}]", f"source: {source}", ""]
    if present := sections.get(f"connect {name}"):
        if not _has_token(present, takeover):
            raise ConfigError(
                f"{file} has a [connect {name}] with another token: remove that "
                "section, or import for another camera with --camera"
            )
        return lines[:-1], lacks_source
    lines += [f"[connect {name}]", f"token_file: {token_path}"]
    if takeover.server:
        lines.append(f"server: {takeover.server}")
    if takeover.trigger_scheme:
        lines.append(f"trigger_scheme: {takeover.trigger_scheme}")
    return lines, lacks_source


def _has_token(section: ini.Section, takeover: Takeover) -> bool:
    """Whether a section ``[connect NAME]`` leads to the token that is imported."""
    written = section.options.get("token")
    if written is not None:
        return written.text.strip() == takeover.token.reveal()
    named = section.options.get("token_file")
    try:
        file = parse_path(named.text if named else "")
    except ValueError:
        return False
    return file.exists() and not holds_other(file, takeover.token)
