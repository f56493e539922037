# SIGKILL at a named step of what a process does to its files.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches the calls by which a process changes files, and ends it at one of them.

Each step has a name that is the same in every run: before or after, the call, the file
without what chance put into its name, and how often this came already.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# The call, and which of its arguments is the file that it makes or unmakes.
CALLS = {
    "rename": 1,
    "replace": 1,
    "link": 1,
    "symlink": 1,
    "mkdir": 0,
    "unlink": 0,
    "remove": 0,
    "rmdir": 0,
    "fsync": 0,
    "pwrite": 0,
}
CHANCE = (
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}"), "JOB"),
    (re.compile(r"_\d{8}_\d{6}"), "_TIME"),
    (re.compile(r"\.[0-9a-f]{8}\.part$"), ".*.part"),
    (re.compile(r"prusacam-[0-9a-f]{8}-\w{8}"), "prusacam-*"),
    (re.compile(r"(^|/)(\.[^/]*)\.[a-z0-9_]{8}$"), r"\1\2.*"),
)


class KillPoints:
    """The steps of this process below ``root``; it is killed at ``end``.

    ``apart`` are two folders between which nothing can be renamed, as if they were on
    two file systems.
    """

    def __init__(
        self, root: Path, end: str | None, apart: tuple[Path, Path] | None = None
    ) -> None:
        self.passed: list[str] = []
        self._root = str(root)
        self._end = end
        self._apart = apart
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def install(self) -> None:
        """Watch from now on, for the rest of the life of this process."""
        for name, position in CALLS.items():
            setattr(os, name, self._watched(name, getattr(os, name), position))
        popen = subprocess.Popen

        def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
            self._step("before", "start", "ffmpeg")
            process: subprocess.Popen[bytes] = popen(*arguments, **options)
            self._step("after", "start", "ffmpeg")
            return process

        setattr(subprocess, "Popen", start)  # noqa: B010
        sys.addaudithook(self._audit)

    def _watched(
        self, name: str, call: Callable[..., Any], position: int
    ) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            file = self._file(arguments[position], options)
            if file is None:
                return call(*arguments, **options)
            if name == "rename" and self._is_across(arguments):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            self._step("before", name, file)
            result = call(*arguments, **options)
            self._step("after", name, file)
            return result

        return watched

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[1], str):
            return
        file = self._file(arguments[0], {}) if set(arguments[1]) & set("wxa") else None
        if file is not None:
            self._step("before", "open", file)

    def _file(self, what: Any, options: dict[str, Any]) -> str | None:
        """The name of a file below the root; None for others."""
        folder = options.get("dir_fd")
        if isinstance(what, int):
            what = _open_file(what)
        elif folder is not None:
            what = f"{_open_file(folder)}/{os.fsdecode(what)}"
        path = os.fspath(what)
        if not isinstance(path, str) or not path.startswith(self._root):
            return None
        name = path.removeprefix(self._root).removeprefix("/")
        for pattern, instead in CHANCE:
            name = pattern.sub(instead, name)
        return name

    def _is_across(self, arguments: tuple[Any, ...]) -> bool:
        if self._apart is None:
            return False
        sides = [
            [folder in Path(path).parents for folder in self._apart]
            for path in arguments[:2]
        ]
        return sides[0] != sides[1]

    def _step(self, when: str, call: str, file: str) -> None:
        with self._lock:
            kind = f"{when} {call} {file}"
            self._counts[kind] += 1
            name = f"{kind} #{self._counts[kind]}"
            self.passed.append(name)
            if name == self._end:
                os.kill(os.getpid(), signal.SIGKILL)


def _open_file(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())
