# Lines of ours in somebody else's file.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""moonraker.conf, printer.cfg, lists of names: every byte that is there stays.

Taken back, the file is what it was, to the byte, unless somebody has edited it; then it
is what they made of it, without our lines.
"""

from __future__ import annotations

import difflib
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from .change import Change, Record, base_record
from .host import DEFAULT_MODE, explained

if TYPE_CHECKING:
    from .host import Host

BEGIN = "# >>> prusacam: added by 'prusacam install', removed by 'prusacam uninstall'"
END = "# <<< prusacam"
HEADER = re.compile(rb"[ \t]*\[([^\]]+)\]")


@dataclass(frozen=True)
class Insertion(Change):
    """``text`` is one line, or a block between our markers.

    ``at_includes``: below the first includes, not at the end.

    Klipper's SAVE_CONFIG has to be the last thing in printer.cfg, and whoever wants
    another macro than ours writes it below the include.
    """

    path: Path
    text: str
    backups: Path | None = None
    at_includes: bool = False
    is_shared: bool = False

    kind: ClassVar[str] = "lines"

    @property
    def key(self) -> str:
        """One for each line; a block is one whatever is in it."""
        return f"{self.kind} {self.path} {self.text.partition(chr(10))[0]}"

    def describe(self) -> str:
        """The change as a diff."""
        before = _read(self.path)
        after, _ = self._inserted(_without_block(before, self.text))
        return f"edit {self.path}\n{diff(before, after)}"

    def is_made(self, known: Record | None) -> bool:
        """Whether the line is there, or the block, or one that somebody has edited."""
        present = _read(self.path)
        if not self.text.startswith(BEGIN) or find_block(present) is None:
            return not self.text.startswith(BEGIN) and has_line(present, self.text)
        written = with_ends(self.text, present)
        is_edited = known is None or known["text"].encode() not in present
        return written in present or is_edited

    @property
    def is_found_ours(self) -> bool:
        """A block is; a single line somebody may have written."""
        return self.text.startswith(BEGIN)

    def record(self, known: Record | None) -> Record:
        """With the bytes that come into the file."""
        present = _read(self.path)
        if known is not None and known["text"].encode() in present:
            present = cut(present, known)
        _, (before, text) = self._inserted(_without_block(present, self.text))
        return {
            **(known or base_record(self)),
            "before": before.decode(),
            "text": text.decode(),
            "created": known["created"] if known else not self.path.exists(),
        }

    def make(self, host: Host, record: Record) -> None:
        """Insert the lines; a copy of the file as it was comes first."""
        with explained(self.path):
            present = _read(self.path)
        self._back_up(host, present)
        content, _ = self._inserted(_without_block(present, self.text))
        # A link stays one: some keep their configuration in a repository.
        target = self.path.resolve()
        record["made_folders"] += map(str, host.make_folders(target.parent))
        host.write(target, content, _mode(target))

    def _back_up(self, host: Host, content: bytes) -> None:
        if self.backups is None or not self.path.exists():
            return
        stamp = time.strftime("%Y%m%d-%H%M%S")
        host.make_folders(self.backups)
        host.write(self.backups / f"{self.path.name}.{stamp}", content, 0o600)

    def _inserted(self, content: bytes) -> tuple[bytes, tuple[bytes, bytes]]:
        """The new content; what separates our lines from those above, and our lines."""
        text = with_ends(self.text, content)
        if self.at_includes:
            place = includes_end(content)
            head, tail = content[:place], content[place:]
            before = b"" if _ends_line(head) else _end_of(content)
            return head + before + text + tail, (before, text)
        before = b""
        if content and not content.endswith(b"\n"):
            before += _end_of(content)
        if content and self.text.startswith(BEGIN):
            before += _end_of(content)
        return content + before + text, (before, text)


def take_back(record: Record, host: Host) -> str:
    """Take our lines out; what is left, if anything."""
    path = Path(record["path"])
    if not path.exists():
        return ""
    present = _read(path)
    content = cut(present, record)
    if content == present:
        return ""
    if not content and record["created"]:
        host.remove(path)
    else:
        target = path.resolve()
        host.write(target, content, _mode(target))
    return ""


def cut(content: bytes, record: Record) -> bytes:
    """``content`` without what was inserted, or without the block of our markers."""
    before, text = record["before"].encode(), record["text"].encode()
    for inserted in (before + text, text):
        start = content.find(inserted)
        if inserted and start >= 0 and _begins_line(content, start, before):
            head, tail = content[:start], content[start + len(inserted) :]
            if head and tail and not head.endswith(b"\n"):
                head += _end_of(content)  # somebody has gone on below our lines
            return head + tail
    if block := find_block(content):
        return content[: block[0]] + content[block[1] :]
    if text.startswith(BEGIN.encode()):
        return content
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if line.strip() != text.strip())


def find_block(content: bytes) -> tuple[int, int] | None:
    """Where the lines from our first marker to the second one are."""
    begin = content.find(BEGIN.encode())
    end = content.find(END.encode(), begin)
    if begin < 0 or end < 0:
        return None
    stop = content.find(b"\n", end)
    return begin, len(content) if stop < 0 else stop + 1


def has_line(content: bytes, text: str) -> bool:
    """Whether the line ``text`` is one of ``content``."""
    wanted = text.strip().encode()
    return any(line.strip() == wanted for line in content.splitlines())


def includes_end(content: bytes) -> int:
    """Where the includes at the top of a configuration end, else its beginning."""
    end, place = 0, 0
    for line in content.splitlines(keepends=True):
        place += len(line)
        header = HEADER.match(line)
        if header is None:
            continue
        if not header[1].startswith(b"include "):
            break
        end = place
    return end


def with_ends(text: str, content: bytes) -> bytes:
    """``text`` with the line ends that ``content`` has."""
    return text.encode().replace(b"\n", _end_of(content))


def diff(before: bytes, after: bytes) -> str:
    """What changes, with two lines around it."""
    lines = difflib.unified_diff(
        before.decode(errors="replace").splitlines(),
        after.decode(errors="replace").splitlines(),
        lineterm="",
        n=2,
    )
    return "\n".join(f"    {line}" for line in list(lines)[2:])


def _without_block(content: bytes, text: str) -> bytes:
    """``content`` without an older block, if ``text`` is a new one."""
    block = find_block(content) if text.startswith(BEGIN) else None
    if block is None:
        return content
    head, tail = content[: block[0]], content[block[1] :]
    end = _end_of(content)
    if head.endswith(end * 2) and not tail:
        head = head[: -len(end)]
    return head + tail


def _begins_line(content: bytes, start: int, before: bytes) -> bool:
    is_separated = bool(before) and content.startswith(before, start)
    return is_separated or _ends_line(content[:start])


def _ends_line(head: bytes) -> bool:
    """Whether what follows ``head`` begins a line."""
    return not head or head.endswith(b"\n")


def _end_of(content: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in content else b"\n"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else DEFAULT_MODE
