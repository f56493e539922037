# The engine's own Python environment.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``~/prusacam-env``: the engine and what it needs, away from Moonraker's environment.

The package is built from the folder that the installer runs from, and installed by its
name and version: to pip it is the release of that version, so that Moonraker's update
manager finds the next one. A package that was installed from a folder, it refuses.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from moonraker_prusacam.errors import InstallError
from moonraker_prusacam.version import __version__

from .change import Change, Record, base_record
from .host import explained, run

if TYPE_CHECKING:
    from .host import Host

PROJECT = "moonraker-prusacam"
PACKAGE = Path(__file__).parent.parent
# What decides what is built.
SOURCES = (
    "pyproject.toml",
    "setup.py",
    "ext/*",
    "klipper_macros/*.cfg",
    "moonraker_prusacam/**/*",
)
BUILT = (".so", ".pyc")
REMOVALS = 5
# Without traces in the user's home.
PIP_OPTIONS = ("--quiet", "--no-cache-dir", "--disable-pip-version-check")
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".demo", "build", "dist", "*.egg-info", "__pycache__", "*.so"
)


@dataclass(frozen=True)
class Environment(Change):
    """``source`` is the folder to build from, None to keep what is installed."""

    path: Path
    source: Path | None
    is_shared: bool = True

    kind: ClassVar[str] = "environment"

    def describe(self) -> str:
        """What pip would be told."""
        what = "update" if self.path.exists() else "make"
        return (
            f"{what} {self.path} (a Python environment), and install {PROJECT} "
            f"{__version__} there"
        )

    def is_made(self, known: Record | None) -> bool:
        """Whether it runs, and holds what the folder does."""
        if not works(self.path):
            return False
        if self.source is None:
            return True
        return known is not None and known["digest"] == digest(self.source)

    def record(self, known: Record | None) -> Record:
        """Whether there was one before us, which then stays."""
        return {
            **(known or {**base_record(self), "created": self._is_ours()}),
            "digest": None,
        }

    def _is_ours(self) -> bool:
        """Whether nobody else's is there."""
        return not self.path.exists() or (self.path / "bin/prusacam").exists()

    def make(self, host: Host, record: Record) -> None:
        """Make or mend it, and install the package; raises InstallError."""
        if self.source is None:
            raise InstallError(
                f"{self.path} is broken: run install.sh of a copy of {PROJECT}"
            )
        record["made_folders"] += map(str, host.make_folders(self.path.parent))
        python = self.path / "bin/python"
        if not (self.path / "bin/pip").exists() or not _runs(python):
            try:
                run([base_python(), "-m", "venv", "--clear", str(self.path)])
            except InstallError as error:
                raise InstallError(
                    f"{error}; on Debian: sudo apt install python3-venv"
                ) from error
        pip = [str(python), "-m", "pip", *PIP_OPTIONS]
        with tempfile.TemporaryDirectory(prefix="prusacam-") as folder:
            # A copy, since setuptools leaves traces where it builds, and takes
            # older ones for sources.
            copy, wheels = f"{folder}/source", f"{folder}/wheels"
            shutil.copytree(self.source, copy, symlinks=True, ignore=LEFT_OUT)
            run([*pip, "wheel", "--no-deps", "-w", wheels, copy])
            found = ["--find-links", wheels, f"{PROJECT}=={__version__}"]
            if (self.path / "bin/prusacam").exists():
                # The version may be that which is installed, and other code.
                again = ["--force-reinstall", "--no-deps", "--no-index"]
                run([*pip, "install", *again, *found])
            run([*pip, "install", *found])
        if not works(self.path):
            raise InstallError(f"{self.path}/bin/prusacam does not run")
        record["digest"] = digest(self.source)


def take_back(record: Record, host: Host) -> str:  # noqa: ARG001
    """Remove it, unless it was there before us."""
    path = Path(record["path"])
    if not record["created"]:
        return f"{path} was there before prusacam, and stays"
    with explained(path):
        if path.exists():
            # Under another name nobody begins to run anything in it.
            gone = path.rename(path.with_name(f".{path.name}.removed"))
            _remove(gone)
    return ""


def _remove(folder: Path) -> None:
    """Remove all of ``folder``, though a pip may be at work in it; raises OSError."""
    for attempt in range(1, REMOVALS + 1):
        try:
            shutil.rmtree(folder)
        except OSError:
            if attempt == REMOVALS:
                raise
        else:
            return


def works(path: Path) -> bool:
    """Whether the command can be run from the environment ``path``."""
    try:
        run([str(path / "bin/prusacam"), "--version"])
    except InstallError:
        return False
    return True


def component_path(environment: Path) -> Path:
    """Where the package's component is, or will be, in ``environment``.

    One whose Python was replaced by that of a newer system does not work, and is made
    anew.
    """
    place = "site-packages/moonraker_prusacam/component"
    found = list(environment.glob(f"lib/python3.*/{place}"))
    if len(found) == 1 and works(environment):
        return found[0]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return environment / "lib" / version / place


def source_folder() -> Path | None:
    """The folder that this runs from, if it can be built from."""
    folder = PACKAGE.parent
    return folder if (folder / "setup.py").is_file() else None


def base_python() -> str:
    """The interpreter that environments are made with."""
    return getattr(sys, "_base_executable", None) or sys.executable


def digest(source: Path) -> str:
    """What names the state of the folder ``source``."""
    whole = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(source.glob(pattern)):
            if path.is_file() and path.suffix not in BUILT:
                whole.update(str(path.relative_to(source)).encode() + b"\0")
                whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _runs(python: Path) -> bool:
    try:
        run([str(python), "-c", "import pip"])
    except InstallError:
        return False
    return True
