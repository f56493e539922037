# Tests of the command that prints nginx's configuration.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The snippet alone is on standard output, and has been tested where that can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from moonraker_prusacam import nginx
from moonraker_prusacam.cli import main
from moonraker_prusacam.nginx import program
from tests.support.nginx import needs_nginx

if TYPE_CHECKING:
    from pathlib import Path

CAMERA = "[camera front]\nsource: tcp://127.0.0.1:9\n"


def call(folder: Path, *arguments: str, engine: str = "") -> Result:
    file = folder / "prusacam.conf"
    file.write_text(f"[engine]\ndata_path: {folder}\n{engine}{CAMERA}")
    done = CliRunner().invoke(main, ["nginx", *arguments, "-c", str(file)])
    if isinstance(done.exception, Exception):
        raise done.exception
    return done


@pytest.mark.parametrize(
    ("engine", "path", "upstream"),
    [
        ("", "/webcam2/", "http://127.0.0.1:8081/"),
        ("port: 8083\n", "/webcam4/", "http://127.0.0.1:8083/"),
        ("port: 9000\n", "/prusacam/", "http://127.0.0.1:9000/"),
        ("port: 9000\nhost: ::1\n", "/prusacam/", "http://[::1]:9000/"),
        ("host: 0.0.0.0\n", "/webcam2/", "http://127.0.0.1:8081/"),
        ("host: 192.168.1.5\n", "/webcam2/", "http://192.168.1.5:8081/"),
    ],
)
def test_snippet_when_printed_then_it_leads_to_the_engine(
    tmp_path: Path, engine: str, path: str, upstream: str
) -> None:
    done = call(tmp_path, "--no-check", engine=engine)
    assert done.exit_code == 0
    assert f"location {path} {{" in done.stdout
    assert f"proxy_pass {upstream};" in done.stdout
    assert "@" not in done.stdout
    assert ("needs no change" in " ".join(done.stderr.split())) == ("webcam" in path)


def test_snippet_when_another_path_is_wanted_then_that_one(tmp_path: Path) -> None:
    done = call(tmp_path, "--no-check", "--path", "/cameras/of/mine/")
    assert "location /cameras/of/mine/ {" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("listen", ["7127", "127.0.0.1:7127", "[::1]:7127"])
def test_server_when_printed_then_it_listens_and_shows_cameras_at_its_root(
    tmp_path: Path, listen: str
) -> None:
    done = call(tmp_path, "--no-check", "--listen", listen)
    assert done.exit_code == 0
    assert f"    listen {listen};\n" in done.stdout
    assert "    location / {\n        proxy_pass" in done.stdout
    assert done.stdout.count("SPDX") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--path", "/x"], "is not a path such as /cameras/"),
        (["--path", "x/"], "is not a path"),
        (["--path", "/x/; return 200;/"], "is not a path"),
        (["--path", "/a b/"], "is not a path"),
        (["--listen", "everywhere"], "is neither a port nor ADDRESS:PORT"),
        (["--listen", "80;"], "is neither a port"),
        (["--listen", "80", "--path", "/x/"], "leave --path out"),
    ],
)
def test_snippet_when_asked_wrongly_then_told(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = call(tmp_path, "--no-check", *arguments)
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stdout == ""


@needs_nginx
@pytest.mark.parametrize("arguments", [[], ["--listen", "80"], ["--check"]])
def test_snippet_when_there_is_an_nginx_then_it_takes_it(
    tmp_path: Path, arguments: list[str]
) -> None:
    done = call(tmp_path, *arguments)
    assert done.exit_code == 0
    assert "# Tested with nginx/" in done.stderr


@needs_nginx
def test_check_when_nginx_refuses_then_its_own_words() -> None:
    with pytest.raises(nginx.NginxRefused, match="unknown directive"):
        nginx.check("location / { proxy_pas http://127.0.0.1/; }\n")


def test_snippet_when_there_is_no_nginx_then_said_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    done = call(tmp_path)
    assert done.exit_code == 0
    assert "# Not tested: there is no nginx" in done.stderr
    refused = call(tmp_path, "--check")
    assert refused.exit_code == 1
    assert "there is no nginx on this host" in refused.stderr


def test_check_when_nginx_hangs_then_it_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "CHECK_TIMEOUT_S", 0.2)
    hanging = tmp_path / "nginx"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(nginx.NginxRefused, match="says nothing"):
        nginx.check("")
