# Whether nginx takes a snippet.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has an installed nginx test a configuration that holds nothing but the snippet.

The host's own configuration is not touched, so nobody has to be root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

from moonraker_prusacam.errors import PrusacamError

CHECK_TIMEOUT_S = 10.0
# Debian puts it where a user's PATH does not lead.
FOLDERS = (os.defpath, "/usr/sbin", "/usr/local/sbin")
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
MAX_TOLD = 400


class NginxMissing(PrusacamError):
    """There is no nginx on this host."""


class NginxRefused(PrusacamError):
    """nginx does not take the configuration; the text is its own."""


def find_nginx() -> str:
    """The program; raises NginxMissing."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *FOLDERS))
    found = shutil.which("nginx", path=path)
    if found is None:
        raise NginxMissing("there is no nginx on this host")
    return found


def whole(servers: str, folder: Path) -> str:
    """A configuration of ``servers`` that keeps to ``folder``."""
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in TEMPORARY)
    return (
        f"pid {folder}/nginx.pid;\n"
        "error_log stderr warn;\n"
        "events { worker_connections 64; }\n"
        "http {\n"
        f"{textwrap.indent(temporary, '    ')}\n"
        "    access_log off;\n"
        f"{textwrap.indent(servers, '    ')}\n"
        "}\n"
    )


def check(snippet: str) -> str:
    """Test a ``location``; which nginx did. Raises NginxMissing, NginxRefused."""
    nginx = find_nginx()
    with tempfile.TemporaryDirectory(prefix="prusacam-nginx-") as name:
        folder = Path(name)
        # A port could be taken, or not be ours to take.
        body = textwrap.indent(snippet, "    ")
        servers = f"server {{\n    listen unix:{folder}/test.sock;\n{body}\n}}"
        file = folder / "nginx.conf"
        file.write_text(whole(servers, folder))
        done = _run([nginx, "-t", "-p", name, "-c", str(file)])
    if done.returncode != 0:
        told = [line for line in done.stderr.splitlines() if "[emerg]" in line]
        reason = told[-1] if told else done.stderr.strip()
        raise NginxRefused(f"nginx -t: {reason[-MAX_TOLD:]}")
    return _run([nginx, "-v"]).stderr.strip().removeprefix("nginx version: ")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CHECK_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NginxRefused(f"{command[0]} says nothing") from None
    except OSError as error:
        raise NginxMissing(f"{command[0]}: {error.strerror}") from error
