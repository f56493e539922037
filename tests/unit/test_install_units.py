# Tests of the units of systemd.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd itself reads them, and says how exposed they are."""

from __future__ import annotations

import ctypes.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from moonraker_prusacam.errors import InstallError
from moonraker_prusacam.install.host import Host
from moonraker_prusacam.install.service import Service, take_back
from moonraker_prusacam.install.units import engine_unit, feed_unit, gateway_unit

ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(
    ANALYZE is None, reason="systemd-analyze is not installed (Debian: systemd)"
)
LEAST_VERSION = 252  # the first that tells the exposure of a file as JSON
MAX_EXPOSURE = 3.0
TIMEOUT_S = 30.0
# A user whom every Debian has, and who is neither root nor nobody.
USER = "daemon"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/group").write_text("video:x:44:\nrender:x:106:\naudio:x:29:\n")
    return Host(tmp_path / "home", USER, tmp_path, may_ask=False)


@pytest.fixture
def files(host: Host, tmp_path: Path) -> list[Path]:
    """All units, with paths that have a blank in them."""
    data = tmp_path / "printer data"
    command = ["/bin/true", "run", "-c", f"{data}/config/prusacam.conf"]
    engine, feed = tmp_path / "prusacam.service", tmp_path / "prusacam-feed.service"
    engine.write_bytes(engine_unit(host, "prusacam", USER, command, [data]))
    listen = ["/bin/true", "-t", "0", "-o", "tcp://127.0.0.1:9000"]
    feed.write_bytes(feed_unit(host, "prusacam", USER, listen))
    gateway = tmp_path / "prusacam-gateway.service"
    watch = ["/bin/true", "gateway", "-c", f"{data}/config/prusacam.conf"]
    gateway.write_bytes(gateway_unit("prusacam", USER, watch))
    return [engine, feed, gateway]


def analyze(*words: object) -> str:
    done = subprocess.run(
        [str(ANALYZE), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_systemd
def test_units_when_systemd_verifies_them_then_it_has_nothing_to_say(
    files: list[Path],
) -> None:
    assert analyze("verify", "--man=no", *files) == ""


@needs_systemd
def test_units_when_systemd_rates_them_then_they_are_hardly_exposed(
    files: list[Path],
) -> None:
    version = re.search(r"systemd (\d+)", analyze("--version"))
    if version is None or int(version[1]) < LEAST_VERSION:
        pytest.skip(f"systemd is older than {LEAST_VERSION}")
    for file in files:
        told = json.loads(
            analyze("security", "--offline=true", "--json=short", "--no-pager", file)
        )
        assert {row["name"] for row in told} >= {"NoNewPrivileges=", "ProtectSystem="}
        words = f"security --offline=true --no-pager {file}".split(" ", 3)
        shown = analyze(*words)
        exposure = re.search(r"exposure level for \S+: ([\d.]+)", shown)
        assert exposure is not None
        assert float(exposure[1]) <= MAX_EXPOSURE


def options_of(unit: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.decode().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_engine_unit_when_made_then_it_is_watched_and_limited(host: Host) -> None:
    options = options_of(
        engine_unit(host, "prusacam", "pi", ["/x/prusacam"], [Path("/d"), Path("/v")])
    )
    for name, value in {
        "Type": "notify",
        "User": "pi",
        "SupplementaryGroups": "video render",
        "WatchdogSec": "30",
        "Restart": "always",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "PrivateTmp": "yes",
        "CPUWeight": "50",
        "MemoryMax": "50%",
        "OOMPolicy": "continue",
        "ReadWritePaths": "-/d -/v",
        "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    }.items():
        assert options[name] == [value]
    # Cameras have to be opened all the same.
    assert "char-81 rw" in options["DeviceAllow"]
    assert "PrivateDevices" not in options
    # The engine reads which boot this is, and addresses of the network.
    assert "ProcSubset" not in options
    # ffmpeg runs at the least priority: that has to be allowed.
    assert not any("@resources" in one for one in options["SystemCallFilter"])


needs_seccomp = pytest.mark.skipif(
    ANALYZE is None or ctypes.util.find_library("seccomp") is None,
    reason="systemd-analyze or libseccomp is not installed (Debian: libseccomp2)",
)
ASKS = """\
import ifaddr
import zeroconf
from moonraker_prusacam.kernel_clock import read_clock
print(len(list(ifaddr.get_adapters())), read_clock().reason)
zeroconf.Zeroconf(interfaces=["127.0.0.1"]).close()
"""
SETS = "import time; time.clock_settime(time.CLOCK_REALTIME, time.time())"


def confined(unit: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` with the system calls that ``unit`` allows."""
    python = (sys.executable, "-c", code)
    return subprocess.run(
        [sys.executable, "-m", "tests.support.unit_filter", str(unit), *python],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        cwd=Path(__file__).parents[2],
    )


@needs_seccomp
def test_engine_unit_when_the_engine_asks_for_clock_and_network_then_it_is_told(
    files: list[Path],
) -> None:
    engine, _, gateway = files
    asked = confined(engine, ASKS)
    assert asked.returncode == 0, asked.stderr
    assert "Operation not permitted" not in asked.stdout
    # The same question where it is forbidden, so that it is one that can fail.
    assert "Operation not permitted" in confined(gateway, ASKS).stdout


@needs_seccomp
def test_engine_unit_when_the_engine_sets_the_clock_then_it_is_refused(
    files: list[Path],
) -> None:
    refused = confined(files[0], SETS)
    assert "PermissionError" in refused.stderr
    options = options_of(files[0].read_bytes())
    assert options["CapabilityBoundingSet"] == [""]  # adjtimex(2) sets nothing, either


def calls_of(name: str) -> set[str]:
    """The system calls of a set of systemd's, or the one that is named."""
    if not name.startswith("@"):
        return {name}
    words = [
        line.split()[0]
        for line in analyze("syscall-filter", "--no-pager", name).splitlines()
        if line.startswith(" ") and not line.strip().startswith("#")
    ]
    return set().union(*map(calls_of, words))


@needs_systemd
@pytest.mark.parametrize("call", ["adjtimex", "clock_adjtime", "clock_adjtime64"])
def test_engine_unit_when_systemd_confines_it_then_it_may_ask_how_the_clock_is(
    host: Host, call: str
) -> None:
    """Else a camera of ours refuses every instant that is to come."""
    options = options_of(engine_unit(host, "prusacam", "pi", ["/x/prusacam"], []))
    allowed: set[str] = set()
    for line in options["SystemCallFilter"]:
        for name in line.removeprefix("~").split():
            if line.startswith("~"):
                allowed -= calls_of(name)
            else:
                allowed |= calls_of(name)
    assert call in allowed
    assert {"read", "capset"} <= allowed
    assert not {"clock_settime", "settimeofday", "reboot"} & allowed
    # It forbids these calls, whatever the filter says (systemd.exec).
    assert "ProtectClock" not in options


def test_unit_when_a_host_has_no_such_groups_then_it_names_none(tmp_path: Path) -> None:
    host = Host(tmp_path, "pi", tmp_path, may_ask=False)
    options = options_of(engine_unit(host, "prusacam", "pi", ["/x"], []))
    assert "SupplementaryGroups" not in options


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/plain", "/plain"),
        ("/with blank", '"/with blank"'),
        ("/50%$HOME", "/50%%$$HOME"),
        ('/a "b" \\c', '"/a \\"b\\" \\\\c"'),
    ],
)
def test_command_when_it_has_special_characters_then_they_are_kept(
    host: Host, word: str, written: str
) -> None:
    options = options_of(engine_unit(host, "prusacam", "pi", ["/x", word], []))
    assert options["ExecStart"] == [f"/x {written}"]


SYSTEMCTL = """\
#!/bin/sh
echo "$*" >>{log}
[ "$1" = is-active ] && cat {state} && exit 0
[ ! -e {broken} ] || {{ echo "Job for $2 failed." >&2; exit 1; }}
"""


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that writes down what it is told; its log."""
    log, program = tmp_path / "log", tmp_path / "bin/systemctl"
    program.parent.mkdir()
    program.write_text(
        SYSTEMCTL.format(log=log, state=tmp_path / "state", broken=tmp_path / "broken")
    )
    program.chmod(0o755)
    (tmp_path / "state").write_text("active\n")
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return log


def test_service_when_started_and_stopped_then_systemd_is_told(
    tmp_path: Path, systemctl: Path
) -> None:
    host = Host(tmp_path, "pi", may_ask=False)
    unit = Service(Path("/etc/systemd/system/prusacam.service"), host, is_stale=False)
    assert not unit.is_made(None)
    record = unit.record(None)
    unit.make(host, record)
    assert unit.is_made(record)
    assert take_back(record, host) == ""
    assert systemctl.read_text().splitlines() == [
        "daemon-reload",
        "restart prusacam.service",
        "is-active prusacam.service",
        "is-active prusacam.service",
        "stop prusacam.service",
    ]
    (tmp_path / "state").write_text("failed\n")
    assert not unit.is_made(record)


def test_service_when_it_does_not_start_then_it_says_where_to_look(
    tmp_path: Path, systemctl: Path
) -> None:
    (tmp_path / "broken").touch()
    host = Host(tmp_path, "pi", may_ask=False)
    unit = Service(Path("/etc/systemd/system/prusacam.service"), host, is_stale=True)
    with pytest.raises(InstallError, match="failed"):
        unit.make(host, unit.record(None))
