# The installation.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds, asks, plans, makes and checks; said twice, it mends what is missing.

Nothing of Moonraker's is touched before the engine is there and its configuration is
sound, and a Moonraker in the middle of a print is not restarted.
"""

from __future__ import annotations

import dataclasses
import subprocess
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import InstallError, RootNeeded

from . import moonraker_api, units
from .camera_search import listening_ports
from .environment import Environment
from .first_config import choose_port
from .host import run
from .journal import Journal, journal_path, other_journals
from .own_file import OwnFile
from .plan import Plan, Site, plan_engine, plan_moonraker, plan_units
from .questions import ask, choose_moonraker, confirm
from .service import Service
from .settings import read_settings

if TYPE_CHECKING:
    from .change import Change, Record
    from .options import Options

ENVIRONMENT = "prusacam-env"
DOCTOR_TIMEOUT_S = 180.0


def install(options: Options) -> int:
    """Install as ``options`` say; the exit status. Raises InstallError."""
    host = options.host
    moonraker = choose_moonraker(options, host)
    if moonraker.user not in ("", host.user):
        raise InstallError(
            f"{moonraker.unit} runs as {moonraker.user}: install as that user, "
            "without sudo"
        )
    site = Site(host, moonraker, host.home / ENVIRONMENT)
    journal = Journal(journal_path(moonraker.data_path))
    plan = make_plan(options, site, journal)
    others = other_journals(moonraker.data_path, host.home)
    pending = [
        change
        for change in plan.changes
        if not change.is_made(_known(change, journal, others))
    ]
    _announce(site, pending)
    if options.dry_run:
        _tell(plan.notes)
        return 0
    if pending and not confirm("Make these changes?", host):
        print("Nothing is changed.")
        return 1
    journal.note_folder(site.moonraker.data_path / "timelapse")  # the component's
    made = _Maker(site, journal, others).make_all(plan)
    _restart_moonraker(site, plan, made)
    if any(change.path.suffix == ".cfg" for change in made):
        plan.notes.append(
            "restart Klipper (FIRMWARE_RESTART) when no print runs, for the macros"
        )
    _tell(plan.notes)
    if host.is_live and not options.no_doctor:
        _examine(site)
    return 0


def make_plan(options: Options, site: Site, journal: Journal) -> Plan:
    """What is to be there in the end."""
    plan = Plan()
    host = site.host
    answers = None
    if not site.config_file.exists():
        answers = ask(options, host, site.moonraker.config_path)
    elif options.camera or options.token_file or options.name:
        plan.notes.append(
            f"{site.config_file} is there already, and stays as it is: --camera, "
            "--name and --token-file are for the first one"
        )
    plan_engine(plan, site, answers, choose_port(_taken_ports(site)))
    if not options.no_moonraker:
        plan_moonraker(plan, site, journal)
    feed = f"{units.FOLDER}/{units.feed_name(site.unit)}.service"
    is_known = OwnFile(host.at(feed), b"", "").key in journal.records
    plan_units(plan, site, wants_feed=options.feed or is_known)
    _end_with_moonraker(plan)
    return plan


def _end_with_moonraker(plan: Plan) -> None:
    """Put what starts services to the end, when all that they read is there."""
    plan.changes.sort(key=lambda change: isinstance(change, Service))


class _Maker:
    """Makes the changes, and knows what the services have to be restarted for."""

    def __init__(self, site: Site, journal: Journal, others: list[Journal]) -> None:
        self._site = site
        self._journal = journal
        self._others = others

    def make_all(self, plan: Plan) -> list[Change]:
        """Make what is not made; what that was. Raises InstallError."""
        made: list[Change] = []
        for planned in plan.changes:
            change = planned
            if isinstance(change, Service):
                is_stale = any(_is_of_engine(one, self._site) for one in made)
                change = dataclasses.replace(change, is_stale=is_stale)
            told = change.describe().partition("\n")[0]
            try:
                is_new = self._journal.make(change, self._site.host, self._others)
            except RootNeeded as error:
                self._tell_by_hand(plan, error)
                break  # what follows needs root as well
            if is_new:
                print(f"  done: {told}", flush=True)
                made.append(change)
            if change.path == self._site.config_file:
                self._expect_sound(made)
        return made

    def _expect_sound(self, made: list[Change]) -> None:
        """Have the new configuration checked; a wrong one is not left behind."""
        config_file = self._site.config_file
        try:
            run([str(self._site.program), "check", "-c", str(config_file)])
        except InstallError:
            folders = self._journal.made_folders
            for change in made:
                if isinstance(change, OwnFile) and change.is_kept:
                    self._site.host.remove(change.path)
                    self._journal.take_back(change.key, self._site.host, self._others)
            for folder in folders:
                self._site.host.remove_empty(folder)
            raise

    def _tell_by_hand(self, plan: Plan, error: RootNeeded) -> None:
        """Put the units where somebody who is root can take them from."""
        staged = self._site.state_path / "units"
        self._site.host.make_folders(staged)
        for change in plan.changes:
            if isinstance(change, OwnFile) and change.path.suffix == ".service":
                self._site.host.write(staged / change.path.name, change.content)
        names = " ".join(
            change.path.name for change in plan.changes if isinstance(change, Service)
        )
        plan.notes.append(
            f"{error}. The service was not installed. As root:\n"
            f"    cp {staged}/*.service {units.FOLDER}/\n"
            f"    systemctl daemon-reload\n"
            f"    systemctl enable --now {names}"
        )


def _is_of_engine(change: Change, site: Site) -> bool:
    is_unit = isinstance(change, OwnFile) and change.path.suffix == ".service"
    return is_unit or isinstance(change, Environment) or change.path == site.config_file


def _known(change: Change, journal: Journal, others: list[Journal]) -> Record | None:
    journals = [journal, *(others if change.is_shared else [])]
    found = (one.records.get(change.key) for one in journals)
    return next((record for record in found if record), None)


def _taken_ports(site: Site) -> set[int]:
    """Ports that somebody listens on, and those of the other instances."""
    taken = listening_ports(site.host)
    for file in site.host.home.glob("*/config/prusacam.conf"):
        port = read_settings(file).get("engine", {}).get("port", "8081")
        if file != site.config_file and port.isdecimal():
            taken.add(int(port))
    return taken


def _restart_moonraker(site: Site, plan: Plan, made: list[Change]) -> None:
    """Have Moonraker load the component, unless that would disturb a print."""
    moonraker = site.moonraker
    package = str(moonraker.components)
    concerned = [
        change
        for change in made
        if str(change.path).startswith(package)
        or change.path == moonraker.config_file
        or isinstance(change, Environment)
    ]
    if not concerned or moonraker.components is None:
        return
    if not moonraker_api.runs(moonraker):
        plan.notes.append("Moonraker does not run; it has the camera when it starts")
    elif moonraker_api.is_printing(moonraker):
        plan.notes.append(
            "a print runs, so Moonraker was not restarted: when it is over, "
            f"sudo systemctl restart {moonraker.unit}"
        )
    else:
        try:
            told = moonraker_api.restart(moonraker)
        except InstallError as error:
            plan.notes.append(f"{error}: sudo systemctl restart {moonraker.unit}")
            return
        has_ours = "prusacam" in told.components
        print(
            f"  done: restart Moonraker ({'with' if has_ours else 'WITHOUT'} prusacam)"
        )
        failed = ", ".join(told.failed)
        plan.notes += [f"Moonraker could not load: {failed}"] if failed else []
        plan.notes += [f"Moonraker warns: {warning}" for warning in told.warnings]


def _announce(site: Site, pending: list[Change]) -> None:
    print(f"Moonraker: {site.moonraker.unit}, {site.moonraker.data_path}")
    if not pending:
        print("All is installed; nothing is to be changed.")
        return
    print("What is to be done:")
    for change in pending:
        print(f"  {change.describe()}")


def _tell(notes: list[str]) -> None:
    if notes:
        print("What is left for you to know or to do:")
    for number, note in enumerate(notes, 1):
        print(f"  {number}. {note}")


def _examine(site: Site) -> None:
    """Show what the doctor finds; that is about the camera, not the installation."""
    print("The doctor looks whether all works:", flush=True)
    command = [str(site.program), "doctor", "-c", str(site.config_file)]
    try:
        subprocess.run(command, timeout=DOCTOR_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"the doctor: {error}") from error
