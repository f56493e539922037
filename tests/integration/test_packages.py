# Tests of what is released.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source distribution → wheel → a fresh environment, without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 240.0
NAME = f"moonraker_prusacam-{__version__}"
# What a working copy has, and git does not.
LOCAL = (
    "build",
    "dist",
    ".git",
    ".venv*",
    ".demo",
    "*.so",
    "__pycache__",
    "*.egg-info",
)
EXTENSIONS = {
    "moonraker_prusacam/camera/_intake_c.abi3.so",
    "moonraker_prusacam/camera/_scanner_c.abi3.so",
    "moonraker_prusacam/web/_pump_c.abi3.so",
}


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(*LOCAL))
    build = (sys.executable, "-m", "build", "--sdist", "--no-isolation")
    run(*build, "--outdir", folder, tree, folder=folder)
    return folder / f"{NAME}.tar.gz"


def build_wheel(sdist: Path, folder: Path, **environment: str) -> Path:
    """The wheel that pip makes of the source distribution, and of nothing else."""
    pip = (sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps")
    more = ("--no-build-isolation", "--no-cache-dir", "--wheel-dir", folder, sdist)
    run(*pip, *more, folder=folder, **environment)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return build_wheel(sdist, folder, PRUSACAM_REQUIRE_EXTENSIONS="1")


@pytest.fixture(scope="module")
def pure_wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pure")
    return build_wheel(
        sdist, folder, PRUSACAM_NO_EXTENSIONS="1", PRUSACAM_REQUIRE_EXTENSIONS=""
    )


def names_in(archive: Path) -> set[str]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return set(wheel.namelist())
    with tarfile.open(archive) as sdist:
        return {member.name.partition("/")[2] for member in sdist if not member.isdir()}


def files(*patterns: str) -> set[str]:
    """Files of the working copy; a link stands for what it leads to."""
    return {
        str(path.relative_to(ROOT))
        for pattern in patterns
        for path in ROOT.glob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


def package_files() -> set[str]:
    """What the package consists of."""
    macros = {f"moonraker_prusacam/{name}" for name in files("klipper_macros/*.cfg")}
    return macros | {
        name for name in files("moonraker_prusacam/**/*") if not name.endswith(".so")
    }


def missing(wanted: Iterable[str], archive: Path) -> set[str]:
    return set(wanted) - names_in(archive)


@pytest.mark.timeout(TIMEOUT_S)
def test_sdist_when_unpacked_then_everything_that_a_build_and_the_tests_need(
    sdist: Path,
) -> None:
    wanted = files(
        *("ext/*", "proto/*", "klipper_macros/*", "tests/**/*.py", "tests/data/*"),
        *("docs/**/*", ".ci/*", "setup.py", "pyproject.toml", "LICENSE", "*.md"),
    )
    assert not missing(wanted | package_files(), sdist)


@pytest.mark.timeout(TIMEOUT_S)
def test_sdist_when_unpacked_then_nothing_that_was_built(sdist: Path) -> None:
    names = names_in(sdist)
    assert not [name for name in names if name.endswith((".so", ".pyc", ".o"))]
    assert not [name for name in names if name.startswith(("build/", "dist/", ".v"))]
    # What Cython makes of ext/ is made anew, by the Cython of who builds.
    assert not [name for name in names if re.match(r"(ext|moonraker_).*\.c$", name)]


@pytest.mark.timeout(TIMEOUT_S)
def test_wheel_when_built_from_the_sdist_then_one_for_every_python_from_3_11(
    wheel: Path,
) -> None:
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert wheel.name == f"{NAME}-cp311-abi3-{platform}.whl"
    assert {name for name in names_in(wheel) if name.endswith(".so")} == EXTENSIONS


@pytest.mark.timeout(TIMEOUT_S)
def test_wheel_when_pure_then_for_every_system(pure_wheel: Path) -> None:
    assert pure_wheel.name == f"{NAME}-py3-none-any.whl"
    assert not [name for name in names_in(pure_wheel) if name.endswith(".so")]


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("kind", ["wheel", "pure_wheel"])
def test_wheel_when_opened_then_the_whole_package_and_nothing_else(
    kind: str, request: pytest.FixtureRequest
) -> None:
    built: Path = request.getfixturevalue(kind)
    info = f"{NAME}.dist-info/"
    names = {name for name in names_in(built) if not name.startswith(info)}
    assert names - EXTENSIONS == package_files()
    with zipfile.ZipFile(built) as archive:
        assert f"{info}licenses/LICENSE" in archive.namelist()
        entry_points = archive.read(f"{info}entry_points.txt").decode()
        macros = archive.read("moonraker_prusacam/klipper_macros/prusacam.cfg")
    assert "prusacam = moonraker_prusacam.cli:main" in entry_points
    assert macros == (ROOT / "klipper_macros" / "prusacam.cfg").read_bytes()


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize(
    ("kind", "hot_path"), [("wheel", "compiled"), ("pure_wheel", "pure Python")]
)
def test_wheel_when_installed_in_a_fresh_environment_then_the_command_works(
    kind: str, hot_path: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    built: Path = request.getfixturevalue(kind)
    fresh = tmp_path / "a b"  # a home folder may have a blank in its name
    venv.create(fresh, symlinks=True)
    python = fresh / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-index")
    run(*pip, "--no-deps", "--no-cache-dir", built, folder=tmp_path, PYTHONPATH="")
    # The dependencies are this environment's, which come after what is installed.
    (site,) = fresh.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    clean = {"PYTHONPATH": "", "PRUSACAM_PURE_PYTHON": ""}
    told = run(fresh / "bin" / "prusacam", "--version", folder=tmp_path, **clean)
    assert told == f"prusacam {__version__} (hot path: {hot_path})\n"
    where = "import moonraker_prusacam; print(moonraker_prusacam.__file__)"
    assert str(site) in run(python, "-c", where, folder=tmp_path, **clean)
    config = tmp_path / "prusacam.conf"
    config.write_text("[camera bed]\nsource: test:\n")
    command = (fresh / "bin" / "prusacam", "check", "-c", config)
    assert "is fine. Cameras: bed." in run(*command, folder=tmp_path, **clean)
