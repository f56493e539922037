# Certificates for local TLS servers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An authority of our own, which signs certificates with any dates and names.

They are made by the openssl program when a test needs them, so no key is kept.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 30.0
CONFIG = """
[ca]
default_ca = local
[local]
dir = .
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
x509_extensions = authority
prompt = no
[name]
commonName = local
[authority]
basicConstraints = critical,CA:TRUE
subjectKeyIdentifier = hash
"""


class Authority:
    """Signs; ``file`` is what who trusts it has to know."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("there is no openssl program")
        self._folder = folder
        self.file = folder / "ca.pem"
        (folder / "openssl.cnf").write_text(CONFIG.format(folder=folder))
        (folder / "index.txt").write_text("")
        (folder / "serial").write_text("01\n")
        self._openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"),
            *("-subj", "/CN=local authority", "-keyout", str(folder / "ca.key")),
            *("-out", str(self.file)),
        )

    def sign(self, name: str, begin: str = "", end: str = "") -> ssl.SSLContext:
        """A server's context for the address ``name``, valid from ``begin`` to ``end``.

        Dates are written ``YYYYMMDD``.
        """
        key, request, signed = (
            self._folder / f"server.{kind}" for kind in ("key", "csr", "pem")
        )
        kind = "IP" if name.replace(".", "").isdigit() else "DNS"
        self._openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName={kind}:{name}"),
            *("-keyout", str(key), "-out", str(request)),
        )
        dates = ["-days", "20"]
        if begin:
            dates = ["-startdate", f"{begin}000000Z", "-enddate", f"{end}000000Z"]
        self._openssl(
            *("ca", "-batch", "-notext", *dates, "-in", str(request)),
            *("-out", str(signed)),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed, key)
        # Another certificate of the same name may follow.
        (self._folder / "index.txt").write_text("")
        return context

    def _openssl(self, command: str, *arguments: str) -> None:
        config = self._folder / "openssl.cnf"
        subprocess.run(
            ["openssl", command, "-config", str(config), *arguments],
            check=True,
            capture_output=True,
            timeout=TIMEOUT_S,
        )
