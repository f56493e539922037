# Configurations of Moonraker, Klipper and crowsnest, as far as we look into them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sections and options there are, in a file and in what it includes.

Nothing here is strict: whether those files are right, their programs say.
"""

from __future__ import annotations

import re
from pathlib import Path

MAX_FILE_BYTES = 4 << 20
MAX_FILES = 200
HEADER = re.compile(r"[ \t]*\[([^\]]+)\]")
OPTION = re.compile(r"([A-Za-z_][\w ]*?)[ \t]*[:=](.*)")
COMMENT = re.compile(r"(^|\s)[#;].*")

# Options by section; of two with one name the later one counts.
Settings = dict[str, dict[str, str]]


def read_settings(file: Path) -> Settings:
    """What ``file`` says; nothing where there is none."""
    found: Settings = {}
    _read(file, found, set())
    return found


def includes(file: Path, wanted: Path) -> bool:
    """Whether ``file`` includes ``wanted``, which need not exist yet."""
    seen: set[Path] = set()
    _read(file, {}, seen)
    if wanted.resolve() in seen:
        return True
    for path in seen:
        for pattern in _patterns(path):
            place = path.parent / pattern
            if place.parent.resolve() == wanted.parent.resolve() and wanted.match(
                place.name
            ):
                return True
    return False


def _read(file: Path, found: Settings, seen: set[Path]) -> None:
    file = file.resolve()
    if file in seen or len(seen) >= MAX_FILES:
        return
    text = _text(file)
    if text is None:
        return
    seen.add(file)
    options: dict[str, str] = {}
    name = ""
    for raw in text.splitlines():
        line = COMMENT.sub("", raw).rstrip()
        if match := HEADER.match(line):
            section = " ".join(match[1].split())
            if section.startswith("include "):
                for path in sorted(_matching(file, section[len("include ") :])):
                    _read(path, found, seen)
                options, name = {}, ""
            else:
                options, name = found.setdefault(section, {}), ""
        elif line[:1] in (" ", "\t") and name:
            options[name] = f"{options[name]}\n{line.strip()}".strip()
        elif match := OPTION.match(line):
            name = match[1].lower()
            options[name] = match[2].strip()


def _patterns(file: Path) -> list[str]:
    headers = (HEADER.match(line) for line in (_text(file) or "").splitlines())
    names = (" ".join(header[1].split()) for header in headers if header)
    return [name[len("include ") :] for name in names if name.startswith("include ")]


def _matching(file: Path, pattern: str) -> list[Path]:
    if "*" in pattern or "?" in pattern:
        try:
            return list(file.parent.glob(pattern))
        except (ValueError, NotImplementedError):
            return []
    return [file.parent / Path(pattern).expanduser()]


def _text(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES).decode(errors="replace")
    except OSError:
        return None
