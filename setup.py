# The compiled twins of the hot path; everything else about the package is in
# pyproject.toml.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the Cython extensions, in one of three states.

By default a missing compiler is no error: the package installs without them and
runs on its pure-Python twins. PRUSACAM_NO_EXTENSIONS=1 never tries,
PRUSACAM_REQUIRE_EXTENSIONS=1 fails when a build fails (wheels and CI).
"""

from __future__ import annotations

import os
import sys
from typing import Any

from setuptools import Extension, setup

LIMITED_API = "0x030B0000"  # CPython 3.11: one wheel an architecture
MODULES = {
    "moonraker_prusacam.camera._scanner_c": "ext/scanner.pyx",
    "moonraker_prusacam.camera._intake_c": "ext/intake.pyx",
    "moonraker_prusacam.web._pump_c": "ext/pump.pyx",
}
HEADERS = [
    "ext/framing.pxd",
    "ext/scan.h",
    "ext/frame_pool.h",
    "ext/framer.h",
    "ext/frame_sink.h",
    "ext/intake.h",
    "ext/pump.h",
    "ext/pump_thread.h",
]


def is_set(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def extensions() -> list[Extension]:
    if is_set("PRUSACAM_NO_EXTENSIONS"):
        sys.stderr.write("*** moonraker-prusacam: pure-Python build, as asked for\n")
        return []
    from Cython.Build import cythonize

    modules = [
        Extension(
            name,
            [source],
            depends=HEADERS,
            extra_compile_args=["-O3", "-pthread"],
            extra_link_args=["-pthread"],
            include_dirs=["ext"],
            define_macros=[("Py_LIMITED_API", LIMITED_API)],
            py_limited_api=True,
        )
        for name, source in MODULES.items()
    ]
    built: list[Extension] = cythonize(
        modules, build_dir="build/cython", include_path=["ext"]
    )
    for extension in built:
        # cythonize() returns new objects without the flag, so it is set here.
        extension.optional = not is_set("PRUSACAM_REQUIRE_EXTENSIONS")
    return built


options: dict[str, Any] = {"bdist_wheel": {"py_limited_api": "cp311"}}
modules = extensions()
setup(ext_modules=modules, options=options if modules else {})
