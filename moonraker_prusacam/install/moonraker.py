# Moonraker, as it is installed here.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds every Moonraker of this host: its data folder, its package, its service.

There are those of a git checkout and those of pip, several on one host, with data
folders of any name. Their units tell (moonraker/scripts/install-moonraker.sh and KIAUH
write them); without units the usual folders do.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .host import Host

UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
UNIT = re.compile(r"moonraker[A-Za-z0-9_.@-]*\.service")
VARIABLE = re.compile(r"\$\{?(\w+)\}?")
FOLDER = re.compile(r"printer(?:_(\w+))?_data(?:_(\w+))?")
DATA = ("-d", "--datapath", "MOONRAKER_DATA_PATH")
CONFIG = ("-c", "--configfile", "MOONRAKER_CONFIG_PATH")
SCRIPT = "moonraker/moonraker.py"


@dataclass(frozen=True)
class Moonraker:
    """One instance; ``components`` is the folder where ours are linked.

    ``repository`` is the git checkout it runs from; ``user`` is empty where nothing
    tells.
    """

    data_path: Path
    config_file: Path
    components: Path | None
    repository: Path | None
    unit: str = "moonraker"
    user: str = ""

    @property
    def suffix(self) -> str:
        """What tells this instance from others: ``-1`` of ``moonraker-1``."""
        return self.unit.removeprefix("moonraker")

    @property
    def config_path(self) -> Path:
        """The folder that Mainsail and Fluidd show as the configuration."""
        return self.config_file.parent


def find_moonrakers(host: Host) -> list[Moonraker]:
    """Those with a unit, and those in the usual folders of the user's home."""
    found: dict[Path, Moonraker] = {}
    for units in UNIT_FOLDERS:
        for file in sorted(host.at(units).glob("moonraker*.service")):
            if UNIT.fullmatch(file.name) and (one := _of_unit(host, file)):
                found.setdefault(one.data_path.resolve(), one)
    for folder in sorted(host.home.glob("*printer*data*")):
        if (folder / "config/moonraker.conf").is_file():
            found.setdefault(folder.resolve(), of_folder(host, folder))
    return sorted(found.values(), key=lambda one: (len(one.unit), one.unit))


def of_folder(host: Host, data_path: Path) -> Moonraker:
    """The instance with that data folder, run by the user's usual Moonraker."""
    repository = host.home / "moonraker"
    components: Path | None = repository / "moonraker/components"
    is_checkout = (repository / "moonraker/components").is_dir()
    if not is_checkout:
        components = _installed_components(host.home / "moonraker-env")
    match = FOLDER.fullmatch(data_path.name)
    name = (match[1] or match[2] or "") if match else ""
    return Moonraker(
        data_path,
        data_path / "config/moonraker.conf",
        components,
        _checkout(repository) if is_checkout else None,
        f"moonraker-{name}" if name else "moonraker",
    )


def _of_unit(host: Host, file: Path) -> Moonraker | None:
    """What a unit runs; None where that is no Moonraker."""
    options = _unit_options(file)
    environment = dict(_assignments(options.get("Environment", [])))
    for written in options.get("EnvironmentFile", []):
        path = Path(_specifiers(written.removeprefix("-"), host))
        environment.update(_assignments(_lines(path)))
    command = (options.get("ExecStart") or [""])[-1]
    words = _split(command.lstrip("-@:+!"))
    expanded: list[str] = []
    for word in words:
        if match := VARIABLE.fullmatch(word):
            expanded += _split(environment.get(match[1], ""))
        else:
            expanded.append(word)
    words = [_specifiers(word, host) for word in expanded]
    if not words or not (place := _package(host, words, environment)):
        return None
    components, repository = place
    config = _argument(words, environment, CONFIG)
    data = _argument(words, environment, DATA)
    data_path = Path(data) if data else host.home / "printer_data"
    config_file = Path(config) if config else data_path / "config/moonraker.conf"
    if not config_file.is_file():
        return None
    return Moonraker(
        data_path,
        config_file,
        components,
        repository,
        file.name.removesuffix(".service"),
        (options.get("User") or [""])[-1],
    )


def _package(
    host: Host, words: list[str], environment: dict[str, str]
) -> tuple[Path | None, Path | None] | None:
    """Folder of components and checkout of what ``words`` run."""
    script = next((word for word in words if word.endswith(SCRIPT)), None)
    if script is not None:
        repository = Path(script).parent.parent
        return repository / "moonraker/components", _checkout(repository)
    program = Path(words[0])
    if program.name != "moonraker" and "moonraker" not in words[1:3]:
        return None
    for folder in environment.get("PYTHONPATH", "").split(":"):
        path = Path(_specifiers(folder, host))
        if folder and (path / "moonraker/components").is_dir():
            return path / "moonraker/components", _checkout(path)
    return _installed_components(program.parent.parent), None


def _installed_components(environment: Path) -> Path | None:
    pattern = "lib/python3*/site-packages/moonraker/components"
    found = sorted(environment.glob(pattern))
    return found[-1] if found else None


def _checkout(folder: Path) -> Path | None:
    return folder if (folder / ".git").exists() else None


def _argument(
    words: list[str], environment: dict[str, str], names: tuple[str, str, str]
) -> str:
    short, long, variable = names
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in (short, long):
            return following
        if word.startswith(f"{long}="):
            return word.partition("=")[2]
    return environment.get(variable, "")


def _unit_options(file: Path) -> dict[str, list[str]]:
    """The values by option, of the file and its drop-ins."""
    found: dict[str, list[str]] = {}
    drop_ins = sorted(file.with_name(f"{file.name}.d").glob("*.conf"))
    for path in (file, *drop_ins):
        for line in _lines(path):
            name, equals, value = line.partition("=")
            if not equals:
                continue
            if value.strip():
                found.setdefault(name.strip(), []).append(value.strip())
            else:
                found.pop(name.strip(), None)  # an empty one forgets those before
    return found


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return []
    lines = text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip()[:1] not in ("#", ";", "")]


def _assignments(lines: list[str]) -> list[tuple[str, str]]:
    """``NAME=value`` of lines, each of which may hold several, quoted or not."""
    pairs = []
    for line in lines:
        for word in _split(line):
            name, equals, value = word.partition("=")
            if equals:
                pairs.append((name, value))
    return pairs


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _specifiers(text: str, host: Host) -> str:
    text = text.replace("%h", str(host.home)).replace("%u", host.user)
    return str(host.home) + text[1:] if text.startswith("~/") else text
