# What a unit lets a program do, without systemd.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the filter of system calls of a unit, then becomes the program.

    python -m tests.support.unit_filter FILE PROGRAM ARGUMENT …

The groups of calls are those of the systemd that is installed; libseccomp makes the
filter, as it does for systemd.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import subprocess
import sys
from pathlib import Path

ALLOW = 0x7FFF0000  # SCMP_ACT_ALLOW, of seccomp.h
REFUSE = 0x00050000 | errno.EPERM  # SCMP_ACT_ERRNO
TIMEOUT_S = 30.0


def groups() -> dict[str, set[str]]:
    """Names of system calls by the name of their group (``@clock``)."""
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    found: dict[str, set[str]] = {}
    name = ""
    for line in told.stdout.splitlines():
        word = line.strip()
        if line.startswith("@"):
            name = word
            found[name] = set()
        elif line.startswith(" ") and not word.startswith("#"):
            found[name].add(word)
    return found


def allowed_by(unit: str) -> set[str]:
    """The system calls that the text of a unit allows (systemd.exec(5))."""
    known = groups()

    def calls(word: str) -> set[str]:
        if not word.startswith("@"):
            return {word}
        return set().union(*map(calls, known[word]))

    allowed: set[str] = set()
    protects_clock = False
    for line in unit.splitlines():
        name, _, value = line.partition("=")
        if name == "SystemCallFilter":
            listed = set().union(*map(calls, value.removeprefix("~").split()))
            allowed = allowed - listed if value.startswith("~") else allowed | listed
        elif name == "ProtectClock":
            protects_clock = value == "yes"
    return allowed - calls("@clock") if protects_clock else allowed


def load(allowed: set[str]) -> None:
    """Refuse all other calls to this process from now on; raises OSError."""
    library = ctypes.CDLL(ctypes.util.find_library("seccomp"), use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(REFUSE)))
    for name in sorted(allowed):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # others are of another architecture
            library.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), number, 0)
    if failed := library.seccomp_load(context):
        raise OSError(-failed, os.strerror(-failed))


def main(file: str, *command: str) -> None:
    """Load the filter of the unit ``file`` and run ``command``."""
    load(allowed_by(Path(file).read_text()))
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
