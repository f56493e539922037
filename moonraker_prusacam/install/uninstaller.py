# The way back.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes back what the journal has, last things first.

What is the user's stays: configuration, videos, who the cameras are to Prusa Connect.
``--purge`` removes these, too, as far as they are ours.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import InstallError, RootNeeded

from . import moonraker_api
from .environment import Environment
from .host import explained
from .installer import ENVIRONMENT
from .journal import Journal, journal_path, other_journals
from .plan import Plan, Site, plan_moonraker, plan_units
from .questions import choose_moonraker, confirm
from .service import Service
from .settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .options import Options

PRODUCT = "moonraker-prusacam"


def uninstall(options: Options) -> int:
    """Uninstall as ``options`` say; the exit status. Raises InstallError."""
    host = options.host
    moonraker = choose_moonraker(options, host)
    site = Site(host, moonraker, host.home / ENVIRONMENT)
    journal = Journal(journal_path(moonraker.data_path))
    if not journal.exists:
        _adopt(site, journal)
    keys = list(reversed(journal.records))
    shown = [key for key in keys if not journal.records[key].get("is_kept")]
    purged = list(_purged(site)) if options.purge else []
    if not keys and not purged:
        print("Nothing of prusacam is installed here.")
        return 0
    print("What is to be taken back:")
    for key in shown:
        print(f"  {key}")
    for path in purged:
        print(f"  remove {path}")
    if options.dry_run:
        return 0
    if not confirm("Take these back?", host):
        print("Nothing is changed.")
        return 1
    left = _take_all_back(site, journal, keys, purged)
    for told in left:
        print(f"Left: {told}")
    kept = [path for path in (site.config_file, site.state_path) if path.exists()]
    if kept:
        print(f"Kept, since it is yours: {', '.join(map(str, kept))}, and the videos.")
        print("'prusacam uninstall --purge' removes these, too.")
    print("prusacam is uninstalled.")
    return 0


def _take_all_back(
    site: Site, journal: Journal, keys: list[str], purged: list[Path]
) -> list[str]:
    """Undo and remove; what is left to know or to do."""
    host = site.host
    others = other_journals(site.moonraker.data_path, host.home)
    folders = journal.made_folders
    left: list[str] = []
    has_service = any(
        record["kind"] == Service.kind for record in journal.records.values()
    )
    # Moonraker's update manager uses the environment, as long as it knows of it.
    keys.sort(key=lambda key: journal.records[key]["kind"] == Environment.kind)
    for key in keys:
        if journal.records[key]["kind"] == Environment.kind:
            left += _restart_moonraker(site)
        try:
            left += filter(None, [journal.take_back(key, host, others)])
        except RootNeeded as error:
            left.append(f"{error}; then uninstall again")
    if has_service and not journal.exists:
        host.systemctl("daemon-reload")
    for path in purged:
        _remove(path)
    if not left:
        shutil.rmtree(site.state_path / "backup", ignore_errors=True)
    _remove_traces(site)
    for folder in folders:
        host.remove_empty(folder)
    return left


def _adopt(site: Site, journal: Journal) -> None:
    """Find what an installation has left whose journal is lost."""
    plan = Plan([Environment(site.environment, None)])
    plan_moonraker(plan, site, journal)
    plan_units(plan, site, wants_feed=False)
    for change in plan.changes:
        runs = isinstance(change, Service) and site.host.is_live
        is_there = runs and change.path.exists()
        if is_there or (not isinstance(change, Service) and change.is_made(None)):
            journal.records[change.key] = change.record(None)


def _purged(site: Site) -> Iterator[Path]:
    """Configuration, what the engine remembers, and videos that it made."""
    settings = read_settings(site.config_file)
    yield from (path for path in (site.config_file, site.state_path) if path.exists())
    written = settings.get("timelapse", {}).get("output_path")
    videos = Path(written) if written else site.moonraker.data_path / "timelapse"
    for sidecar in sorted(videos.glob(".*.json")):
        if _is_ours(sidecar):
            stem = sidecar.name.removeprefix(".").removesuffix(".json")
            yield sidecar
            for suffix in (".mp4", ".jpg", "_frames.zip"):
                if (path := videos / f"{stem}{suffix}").is_file():
                    yield path


def _is_ours(sidecar: Path) -> bool:
    """Whether that tells of a video which the engine made (see ``sidecar``)."""
    try:
        content = json.loads(sidecar.read_bytes())
    except (OSError, ValueError):
        return False
    made_by = content.get("made_by") if isinstance(content, dict) else None
    return isinstance(made_by, str) and made_by.startswith(PRODUCT)


def _remove(path: Path) -> None:
    with explained(path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _remove_traces(site: Site) -> None:
    """What the engine itself leaves: its logs, its socket, folders without content."""
    data_path = site.moonraker.data_path
    for log in data_path.glob("logs/prusacam.log*"):
        log.unlink(missing_ok=True)
    (data_path / "comms/prusacam.sock").unlink(missing_ok=True)
    for folder in (site.state_path / "units", site.state_path):
        site.host.remove_empty(folder)


def _restart_moonraker(site: Site) -> list[str]:
    """Have Moonraker forget the component; what is left to do, if anything."""
    moonraker = site.moonraker
    with contextlib.suppress(InstallError):
        if not moonraker_api.runs(moonraker):
            return []
        if not moonraker_api.is_printing(moonraker):
            moonraker_api.restart(moonraker)
            return []
    return [f"restart Moonraker later: sudo systemctl restart {moonraker.unit}"]
