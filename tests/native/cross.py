# The C core built for ARM, against the pure-Python twin.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.native.cross``: every stream of the tests, on emulated processors.

The headers of ext/ are compiled for aarch64 and armv7, as they run on a Raspberry Pi,
and fed under qemu-user. What they tell of frames, times and counters has to be what the
pure-Python twin tells. Status 1: something differs; 2: a tool is missing.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from moonraker_prusacam.camera._scanner_py import Scanner
from moonraker_prusacam.camera.huffman import STANDARD_DHT
from tests.support import jpeg
from tests.support.jpeg_streams import CASES
from tests.support.twins import WAYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.jpeg_streams import Case

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "tests" / "native" / "scan_stream.c"
# With the extension's optimisation, where a compiler's liberties show.
FLAGS = ("-std=c11", "-D_POSIX_C_SOURCE=200809L", "-O3", "-Wall", "-Wextra", "-Werror")
COMPILE_TIMEOUT_S = 60.0
RUN_TIMEOUT_S = 60.0

WHOLE_BYTES = 1 << 20
"""More than any stream has."""
READS_BYTES: Final = (1, 3, 7, 4096, WHOLE_BYTES)
MAX_FRAME_BYTES = 8 << 20
EDITS: Final[dict[str, dict[str, bool]]] = {
    "plain": {},
    "with tables": {"insert_dht": True},
    "stripped": {"strip_app": True},
    "with tables, stripped": {"insert_dht": True, "strip_app": True},
    "without thumbnails": {"strip_thumbnails": True},
}
"""What the scanner is asked to do to frames."""
COUNTERS = (
    *("bytes_in", "frames", "frame_bytes", "junk_bytes", "dropped_bytes", "truncated"),
    *("oversize", "malformed", "secondary", "without_dht", "starved"),
)


class ToolMissing(Exception):
    """A compiler or an emulator is not installed."""


@attrs.frozen
class Target:
    """A processor; ``emulators`` are alternatives, none for the host itself."""

    name: str
    compiler: str
    emulators: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """The tools that are not there."""
        absent = [] if shutil.which(self.compiler) else [self.compiler]
        if self.emulators and self.emulator() is None:
            absent.append(self.emulators[0])
        return absent

    def emulator(self) -> str | None:
        """The path of the first emulator that is there."""
        return next(filter(None, map(shutil.which, self.emulators)), None)


ARM: Final = (
    Target(
        "aarch64",
        "aarch64-linux-gnu-gcc",
        ("qemu-aarch64", "qemu-aarch64-static"),
        ("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"),
    ),
    Target(
        "armv7",
        "arm-linux-gnueabihf-gcc",
        ("qemu-arm", "qemu-arm-static"),
        ("gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross", "qemu-user"),
    ),
)


@attrs.frozen
class Difference:
    """Where the C core first told something else than the twin."""

    stream: str
    edit: str
    expected: str
    told: str

    def __str__(self) -> str:
        return (
            f"{self.stream}, {self.edit}\n"
            f"  expected: {self.expected}\n"
            f"  told:     {self.told}"
        )


def check_tools(targets: Sequence[Target]) -> None:
    """Raise ToolMissing, with Debian's packages, unless all can be built and run."""
    absent = [tool for target in targets for tool in target.missing()]
    if absent:
        needed = dict.fromkeys(
            package
            for target in targets
            if target.missing()
            for package in target.packages
        )
        raise ToolMissing(
            f"missing: {', '.join(absent)}\nDebian: sudo apt install {' '.join(needed)}"
        )


def build(target: Target, folder: Path) -> list[str]:
    """Compile the program; the command that runs it."""
    program = folder / f"scan_stream-{target.name}"
    emulator = target.emulator()
    # Without the target's shared libraries, which the host does not have.
    static = ["-static"] if emulator else []
    command = [target.compiler, *FLAGS, *static, f"-I{ROOT / 'ext'}", str(SOURCE)]
    subprocess.run(
        [*command, "-pthread", "-o", str(program)],
        timeout=COMPILE_TIMEOUT_S,
        check=True,
    )
    return [emulator, str(program)] if emulator else [str(program)]


def expected(case: Case, edit: str) -> list[str]:
    """What the pure-Python twin tells of a stream, in the lines of scan_stream.c."""
    lines = []
    for read_bytes, way in itertools.product(READS_BYTES, WAYS):
        scanner = Scanner(
            case.options.get("max_frame_bytes", MAX_FRAME_BYTES),
            **EDITS[edit],
            clock=itertools.count(1).__next__,
        )
        lines.append(f"{way} by {read_bytes}")
        lines += (
            f"frame {frame.seq} at {frame.offset} size {len(frame)} "
            f"crc32 {zlib.crc32(frame.data):08x} {frame.width}x{frame.height} "
            f"dht {frame.has_dht:d} read {frame.first_ns}-{frame.last_ns}"
            for frame in WAYS[way](scanner, jpeg.reads_of(case.stream, read_bytes))
        )
        counters = [f"{name} {getattr(scanner.stats, name)}" for name in COUNTERS]
        lines.append(f"{' '.join(counters)} pending_bytes {scanner.pending_bytes}")
    return lines


def _strip(options: Mapping[str, object]) -> str:
    app = "a" if options.get("strip_app") else ""
    thumbnails = "t" if options.get("strip_thumbnails") else ""
    return app + thumbnails or "-"


def told(command: list[str], case: Case, edit: str, folder: Path) -> list[str]:
    """What the C core tells."""
    stream, dht = folder / "stream", folder / "dht"
    stream.write_bytes(case.stream)
    dht.write_bytes(STANDARD_DHT)
    options = {**case.options, **EDITS[edit]}
    arguments = [
        stream,
        options.get("max_frame_bytes", MAX_FRAME_BYTES),
        dht if options.get("insert_dht") else "-",
        _strip(options),
        *READS_BYTES,
    ]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode:
        lines.append(f"ended with status {done.returncode}: {done.stderr.strip()}")
    return lines


def compare(
    command: list[str], answers: dict[tuple[str, str], list[str]], folder: Path
) -> list[Difference]:
    """Run every stream that there is an answer for; the first difference of each."""
    differences = []
    cases = {case.name: case for case in CASES}
    for (name, edit), answer in answers.items():
        lines = told(command, cases[name], edit, folder)
        for ours, theirs in itertools.zip_longest(answer, lines, fillvalue="nothing"):
            if ours != theirs:
                differences.append(Difference(name, edit, ours, theirs))
                break
    return differences


def answers_of(cases: Sequence[Case]) -> dict[tuple[str, str], list[str]]:
    """The twin's answers, by stream and edit."""
    return {
        (case.name, edit): expected(case, edit)
        for case, edit in itertools.product(cases, EDITS)
    }


def main() -> int:
    try:
        check_tools(ARM)
    except ToolMissing as error:
        print(error, file=sys.stderr)
        return 2
    answers = answers_of(CASES)
    frames = sum(
        line.startswith("frame ") for line in itertools.chain(*answers.values())
    )
    runs = len(answers) * len(READS_BYTES) * len(WAYS)
    failed = False
    with tempfile.TemporaryDirectory(prefix="prusacam-cross-") as name:
        folder = Path(name)
        for target in ARM:
            begin_s = time.monotonic()
            differences = compare(build(target, folder), answers, folder)
            failed = failed or bool(differences)
            for difference in differences:
                print(f"{target.name}: {difference}")
            print(
                f"{target.name}: {len(CASES)} streams, {runs} runs, {frames} frames; "
                f"{len(differences)} differ ({time.monotonic() - begin_s:.0f} s)",
                flush=True,
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
