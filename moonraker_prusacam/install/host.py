# The host that is changed.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are on this host, who we are there, and what needs root.

``root`` and ``home`` may be those of a tree that is no running system; then nothing is
started there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from moonraker_prusacam.durable import sync_directory, write_file
from moonraker_prusacam.errors import FileReadOnly, InstallError, RootNeeded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# sudo asks for a password, and waits for whoever types it.
COMMAND_TIMEOUT_S = 300.0
ERROR_LINES = 6
DEFAULT_MODE = 0o644
ANY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Host:
    """``user`` is who the engine runs as; ``may_ask`` whether somebody answers."""

    home: Path
    user: str
    root: Path = Path("/")
    may_ask: bool = True
    wants_units: bool = True

    def at(self, path: str) -> Path:
        """Where the absolute ``path`` of the host lies."""
        return self.root / path.lstrip("/")

    @property
    def is_live(self) -> bool:
        """Whether it is the system that runs this."""
        return self.root == Path("/")

    @property
    def has_systemd(self) -> bool:
        """Whether systemd runs there, and units are wanted."""
        return self.wants_units and self.at("/run/systemd/system").is_dir()

    def write(self, path: Path, content: bytes, mode: int = DEFAULT_MODE) -> None:
        """Replace ``path`` whole, as root where only root can; raises InstallError."""
        if os.access(path.parent, os.W_OK):
            expect_writable(path)
            with explained(path):
                write_file(path, content, mode)
            return
        with tempfile.NamedTemporaryFile(prefix="prusacam-") as staged:
            staged.write(content)
            staged.flush()
            self.as_root("install", "-m", f"{mode:o}", staged.name, str(path))

    def link(self, path: Path, target: str) -> None:
        """Make ``path`` a link to ``target``; raises InstallError."""
        if not os.access(path.parent, os.W_OK):
            self.as_root("ln", "-sfn", target, str(path))
            return
        new = path.with_name(f".{path.name}.new")
        with explained(path):
            new.unlink(missing_ok=True)
            new.symlink_to(target)
            new.replace(path)
            sync_directory(path.parent)

    def remove(self, path: Path) -> None:
        """Remove a file or a link, if it is there; raises InstallError."""
        if not os.path.lexists(path):
            return
        if not os.access(path.parent, os.W_OK):
            self.as_root("rm", "-f", str(path))
            return
        with explained(path):
            path.unlink(missing_ok=True)
            sync_directory(path.parent)

    def make_folders(self, folder: Path) -> list[Path]:
        """Make ``folder`` and those above it; which ones were made, outermost first."""
        missing: list[Path] = []
        while not folder.exists():
            missing.insert(0, folder)
            folder = folder.parent
        for path in missing:
            if os.access(path.parent, os.W_OK):
                with explained(path):
                    path.mkdir()
            else:
                self.as_root("mkdir", str(path))
        return missing

    def remove_empty(self, folder: Path) -> None:
        """Remove ``folder`` if nothing is in it."""
        if not folder.is_dir() or any(folder.iterdir()):
            return
        if os.access(folder.parent, os.W_OK):
            folder.rmdir()
        else:
            self.as_root("rmdir", str(folder))

    def as_root(self, *command: str) -> None:
        """Run ``command`` as root; raises RootNeeded or InstallError."""
        words = list(command)
        if os.geteuid() != 0:
            sudo = shutil.which("sudo")
            if sudo is None:
                raise RootNeeded(f"there is no sudo here{_by_hand(command)}")
            words = [sudo, *([] if self.may_ask else ["-n"]), *command]
        try:
            run(words)
        except InstallError as error:
            if words[0] == command[0]:
                raise
            raise RootNeeded(f"{error}{_by_hand(command)}") from error

    def systemctl(self, *words: str) -> None:
        """``systemctl`` as root, on the running system only; raises InstallError."""
        if self.is_live:
            self.as_root("systemctl", *words)


def _by_hand(command: Sequence[str]) -> str:
    """What root would say; not where it is about a file that is gone by then."""
    return "" if command[0] == "install" else f"; as root: {shlex.join(command)}"


def run(words: Sequence[str]) -> str:
    """The output of a command; raises InstallError with what it complained about."""
    try:
        done = subprocess.run(
            list(words),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise InstallError(f"{words[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise InstallError(
            f"{shlex.join(words)}: not done after {COMMAND_TIMEOUT_S:.0f} s"
        ) from None
    if done.returncode != 0:
        told = (done.stderr.strip() or done.stdout.strip()).splitlines()
        why = "\n".join(told[-ERROR_LINES:]) or f"status {done.returncode}"
        raise InstallError(f"{shlex.join(words)}: {why}")
    return done.stdout


def expect_writable(path: Path) -> None:
    """Refuse a file that somebody has locked; raises FileReadOnly.

    To replace it by a rename would work nevertheless, and for root so would all else.
    """
    if not path.exists():
        return
    is_locked = not stat.S_IMODE(path.stat().st_mode) & ANY_WRITE
    if is_locked or not os.access(path, os.W_OK):
        raise FileReadOnly(f"{path} is read-only")


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError inside of it into an InstallError about ``path``."""
    try:
        yield
    except InstallError:
        raise
    except OSError as error:
        refused = f"{path}: {error.strerror}"
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise FileReadOnly(refused) from error
        raise InstallError(refused) from error
