# The installer before there is anything installed.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python3 -m moonraker_prusacam.install install …``, which install.sh says."""

from __future__ import annotations

import sys

from moonraker_prusacam.errors import InstallError

from .installer import install
from .options import parse
from .uninstaller import uninstall

EXIT_INTERRUPTED = 130


def main() -> int:
    """Do what the command line says; the exit status."""
    command, options = parse(sys.argv[1:])
    try:
        return install(options) if command == "install" else uninstall(options)
    except (InstallError, OSError) as error:
        print(f"prusacam: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
