# What belongs onto this host.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was found and what was answered to changes, in the order they are made.

Moonraker hears of us last: at any moment before, and after, it starts as it should.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import FileReadOnly, InstallError

from . import units
from .camera_search import FEED_PORT, PI_OPTIONS, pi_program
from .environment import PACKAGE, PROJECT, Environment, component_path, source_folder
from .first_config import first_config, token_path
from .host import expect_writable
from .insertion import BEGIN, END, Insertion, find_block, has_line
from .link import Link, is_ours
from .own_file import OwnFile
from .service import Service
from .settings import includes, read_settings

if TYPE_CHECKING:
    from .change import Change
    from .first_config import Answers
    from .host import Host
    from .journal import Journal
    from .moonraker import Moonraker
    from .settings import Settings

MACROS = PACKAGE / "klipper_macros"
SHIM = "shim/timelapse.py"
ALLOWED = "assets/default_allowed_services"
TAKE_FRAME = "gcode_macro TIMELAPSE_TAKE_FRAME"


@dataclass(frozen=True)
class Site:
    """One instance of the engine: where everything of it is."""

    host: Host
    moonraker: Moonraker
    environment: Path

    @property
    def unit(self) -> str:
        """The service's name."""
        return f"prusacam{self.moonraker.suffix}"

    @property
    def config_file(self) -> Path:
        """prusacam.conf."""
        return self.moonraker.config_path / "prusacam.conf"

    @property
    def state_path(self) -> Path:
        """What the engine and the installer remember."""
        return self.moonraker.data_path / "prusacam"

    @property
    def program(self) -> Path:
        """The command ``prusacam``."""
        return self.environment / "bin/prusacam"


@dataclass
class Plan:
    """Changes in their order; ``notes`` is what a person should know or do."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_engine(plan: Plan, site: Site, answers: Answers | None, port: int) -> None:
    """The environment, the configuration and the token; no answers: they are there."""
    plan.changes.append(Environment(site.environment, source_folder()))
    if answers is None:
        return
    data_path = site.moonraker.data_path
    if answers.token is not None:
        path = token_path(data_path, answers.camera)
        token = answers.token.strip() + b"\n"
        if path.exists() and path.read_bytes().strip() != answers.token.strip():
            raise InstallError(
                f"{path} holds another token, and is left as it is. If the one given "
                f"is that of the camera: mv '{path}' '{path}.old', and install again"
            )
        plan.changes.append(OwnFile(path, token, "the token", 0o600, is_kept=True))
    has_ffmpeg = shutil.which("ffmpeg") is not None
    text = first_config(answers, data_path, port, has_ffmpeg=has_ffmpeg)
    plan.changes.append(OwnFile(site.config_file, text, "configuration", is_kept=True))
    if not has_ffmpeg:
        plan.notes.append(
            "there is no ffmpeg, and no timelapse without it: sudo apt install ffmpeg; "
            f"then uncomment [timelapse] in {site.config_file}"
        )


def plan_moonraker(plan: Plan, site: Site, journal: Journal) -> None:
    """Macros, links, and the sections of moonraker.conf."""
    moonraker = site.moonraker
    if moonraker.components is None or not moonraker.components.is_dir():
        plan.notes.append(
            f"Moonraker's package was not found for {moonraker.data_path}: the engine "
            "is installed without its component"
        )
        return
    has_panels = _plan_links(plan, site, moonraker.components)
    _plan_macros(plan, site, journal, has_panels=has_panels)
    _plan_sections(plan, site, has_panels=has_panels)


def plan_units(plan: Plan, site: Site, *, wants_feed: bool) -> None:
    """The services, and the rights of Moonraker to restart the engine's."""
    host, name = site.host, site.unit
    if not host.has_systemd:
        plan.notes.append(
            "systemd is not used here: have something start this at boot, as "
            f"{host.user}: {site.program} run -c {site.config_file}"
        )
        return
    if site.moonraker.components is not None:
        _plan_allowed(plan, site)
    command = [str(site.program), "run", "-c", str(site.config_file)]
    text = units.engine_unit(host, name, host.user, command, _writable(site))
    if wants_feed:
        program = f"/usr/bin/{pi_program(host) or 'rpicam-vid'}"
        listen = f"--inline --listen -o tcp://127.0.0.1:{FEED_PORT}"
        feed = f"{program} {PI_OPTIONS} {listen}".split()
        feed_text = units.feed_unit(host, name, host.user, feed)
        _plan_unit(plan, host, units.feed_name(name), feed_text)
    _plan_unit(plan, host, name, text)
    if "gateway" in read_settings(site.config_file):
        watch = [str(site.program), "gateway", "-c", str(site.config_file)]
        gateway = units.gateway_unit(name, host.user, watch)
        _plan_unit(plan, host, units.gateway_name(name), gateway)


def _plan_unit(plan: Plan, host: Host, name: str, text: bytes) -> None:
    file = f"{name}.service"
    path = host.at(f"{units.FOLDER}/{file}")
    plan.changes += [
        OwnFile(path, text, "a service of systemd", is_unit=True),
        Link(host.at(f"{units.WANTS}/{file}"), f"{units.FOLDER}/{file}"),
        Service(path, host, is_stale=False),
    ]


def _plan_allowed(plan: Plan, site: Site) -> None:
    """Moonraker, and so Mainsail, may restart the services that this file names."""
    path = site.moonraker.data_path / "moonraker.asvc"
    components = site.moonraker.components
    if path.exists() or components is None:
        plan.changes.append(Insertion(path, f"{site.unit}\n"))
        return
    # Moonraker writes it at its first start, unless it is there.
    default = components.parent / ALLOWED
    if default.is_file():
        text = default.read_bytes() + f"{site.unit}\n".encode()
        plan.changes.append(OwnFile(path, text, "services that Moonraker restarts"))


def _writable(site: Site) -> list[Path]:
    """Folders that the engine writes to."""
    found = [site.moonraker.data_path]
    own = read_settings(site.config_file).get("timelapse", {})
    moonrakers = read_settings(site.moonraker.config_file).get("timelapse", {})
    for written in (
        own.get("output_path"),
        own.get("jobs_path"),
        moonrakers.get("output_path"),
    ):
        path = _expanded(written, site.host) if written else None
        if path is not None and not path.is_relative_to(found[0]) and path not in found:
            found.append(path)
    return found


def _plan_links(plan: Plan, site: Site, components: Path) -> bool:
    """Links in Moonraker's package; whether the timelapse panels are ours."""
    component = component_path(site.environment)
    foreign = components / "timelapse.py"
    is_link = foreign.is_symlink() and is_ours(str(foreign.readlink()))
    has_panels = is_link or not _exists(foreign)
    links = {"prusacam": component}
    if has_panels:
        links["timelapse.py"] = component / SHIM
    else:
        plan.notes.append(
            f"{foreign} is moonraker-timelapse's: its panels and videos stay as they "
            "are, and prusacam makes videos of its own beside them. To have ours in "
            "the panels, remove moonraker-timelapse and install again"
        )
    exclude = _exclude_file(site.moonraker.repository)
    for name, target in links.items():
        if exclude is not None:
            line = f"/moonraker/components/{name}\n"
            plan.changes.append(Insertion(exclude, line, is_shared=True))
        plan.changes.append(Link(components / name, str(target), is_shared=True))
    return has_panels


def _plan_macros(plan: Plan, site: Site, journal: Journal, *, has_panels: bool) -> None:
    config_path = site.moonraker.config_path
    printer = config_path / "printer.cfg"
    names = ["prusacam.cfg"]
    timelapse = config_path / "timelapse.cfg"
    shipped = OwnFile(timelapse, (MACROS / timelapse.name).read_bytes(), "macros")
    is_known = shipped.key in journal.records or shipped.is_made(None)
    is_free = not _exists(timelapse) and TAKE_FRAME not in read_settings(printer)
    if has_panels and (is_known or is_free):
        names.append(timelapse.name)
    for name in names:
        text = (MACROS / name).read_bytes()
        plan.changes.append(OwnFile(config_path / name, text, "macros"))
    if not printer.is_file():
        plan.notes.append(f"there is no {printer}, so nothing includes the macros")
        return
    try:
        expect_writable(printer.resolve())
    except FileReadOnly as error:
        lines = " and ".join(f"[include {name}]" for name in names)
        plan.notes.append(
            f"{error}: for macros, have the lines {lines} put into it (nothing else "
            "needs them: layers that the slicer reports are recorded without)"
        )
        return
    for name in names:
        line = f"[include {name}]\n"
        change = Insertion(printer, line, site.state_path / "backup", at_includes=True)
        is_there = has_line(printer.read_bytes(), line)
        if is_there or not includes(printer, config_path / name):
            plan.changes.append(change)


def _plan_sections(plan: Plan, site: Site, *, has_panels: bool) -> None:
    file = site.moonraker.config_file
    present = _sections_of_others(file)
    wanted = {"prusacam": ""}
    if has_panels:
        wanted["timelapse"] = ""
    updater = f"update_manager {site.unit}"
    if "update_manager" in present:
        wanted[updater] = _updater(site)
    else:
        plan.notes.append(
            f"{file} has no [update_manager]: update by running install.sh again"
        )
    missing = {name: text for name, text in wanted.items() if name not in present}
    if not missing:
        return
    body = "\n".join(f"[{name}]\n{text}" for name, text in missing.items())
    block = f"{BEGIN}\n{body}{END}\n"
    plan.changes.append(Insertion(file, block, site.state_path / "backup"))


def _updater(site: Site) -> str:
    """Type ``python`` is what updates a package in an environment of its own.

    Source: Moonraker docs/configuration.md, "Python Configuration".
    """
    services = f"managed_services: {site.unit} moonraker"
    if not site.host.has_systemd:
        services = "is_system_service: False"
    return (
        "type: python\n"
        "channel: stable\n"
        f"virtualenv: {site.environment}\n"
        f"project_name: {PROJECT}\n"
        f"{services}\n"
    )


def _sections_of_others(file: Path) -> Settings:
    """What ``file`` says without the block that we have added."""
    present = read_settings(file)
    content = file.read_bytes()
    if block := find_block(content):
        ours = content[block[0] : block[1]].decode(errors="replace")
        rest = (content[: block[0]] + content[block[1] :]).decode(errors="replace")
        for name in [name for name in present if f"[{name}]" in ours]:
            if f"[{name}]" not in rest:
                del present[name]
    return present


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _exclude_file(repository: Path | None) -> Path | None:
    """Where git is told what to overlook, without a change of its own files."""
    if repository is None:
        return None
    folder = repository / ".git"
    if folder.is_file():
        written = folder.read_text().partition("gitdir:")[2].strip()
        folder = (repository / written).resolve()
    return folder / "info/exclude"


def _expanded(written: str, host: Host) -> Path | None:
    path = Path(str(host.home) + written[1:] if written[:1] == "~" else written)
    return path if path.is_absolute() else None
