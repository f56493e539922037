# Certificates of emulated devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a device's certificate as its factory would.

It is signed by an authority that no host knows, and its name is the serial number. The
openssl program makes it, since Python cannot. Keys are new each time.
"""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import EmulatorError

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 30.0
DAYS = "3650"
KEY = ("-newkey", "rsa:2048", "-nodes")


def device_context(
    folder: Path, serial: str, authority: str
) -> tuple[ssl.SSLContext, bytes]:
    """A server's context, and its certificate in DER; ``folder`` keeps the files.

    Blocks; raises EmulatorError.
    """
    root, root_key = folder / "authority.pem", folder / "authority.key"
    shown, key, request = (folder / f"device.{kind}" for kind in ("pem", "key", "csr"))
    _openssl(
        *("req", "-x509", *KEY, "-days", DAYS, "-subj", f"/CN={authority}"),
        *("-keyout", str(root_key), "-out", str(root)),
    )
    _openssl(
        *("req", *KEY, "-subj", f"/CN={serial}"),
        *("-keyout", str(key), "-out", str(request)),
    )
    _openssl(
        *("x509", "-req", "-in", str(request), "-days", DAYS, "-CAcreateserial"),
        *("-CA", str(root), "-CAkey", str(root_key), "-out", str(shown)),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, key)
    return context, ssl.PEM_cert_to_DER_cert(shown.read_text())


def _openssl(*arguments: str) -> None:
    try:
        subprocess.run(
            ["openssl", *arguments],  # noqa: S607 - wherever the host has it
            check=True,
            capture_output=True,
            timeout=TIMEOUT_S,
        )
    except FileNotFoundError as error:
        raise EmulatorError("the openssl program is needed: apt install openssl") from (
            error
        )
    except subprocess.SubprocessError as error:
        raise EmulatorError(f"openssl {arguments[0]} failed") from error
