# Tests of the Dockerfile and the compose example.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both can be read, fit together, and give containers no more than they need.

``python -m tests.container`` builds them, without Docker.
"""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from moonraker_prusacam import config
from moonraker_prusacam.cli import main
from tests.support import dockerfile
from tests.support.dockerfile import FOLDER, ROOT, Stage

COMPOSE = FOLDER / "compose.yaml"
TIMEOUT_S = 30.0
INSTRUCTIONS = {
    *("RUN", "COPY", "ENV", "USER", "VOLUME", "EXPOSE"),
    *("HEALTHCHECK", "ENTRYPOINT", "CMD"),
}
STAGES = {
    stage.name: stage for stage in dockerfile.stages(dockerfile.DOCKERFILE.read_text())
}
IMAGES = ["engine", "moonraker"]


@pytest.fixture
def services() -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return told


def of(instruction: str, stage: Stage) -> list[str]:
    return [value for name, value in stage.steps if name == instruction]


def test_dockerfile_when_read_then_known_instructions_on_a_slim_debian() -> None:
    assert list(STAGES) == ["build", "moonraker", "engine"]  # the last is the default
    for stage in STAGES.values():
        assert stage.base == "debian:bookworm-slim"
        assert {name for name, _ in stage.steps} <= INSTRUCTIONS


@pytest.mark.parametrize("stage", STAGES)
def test_run_when_read_by_a_shell_then_no_mistake(stage: str) -> None:
    for script in of("RUN", STAGES[stage]):
        subprocess.run(["sh", "-n", "-c", script], check=True, timeout=TIMEOUT_S)
        if "apt-get" in script:
            assert "--no-install-recommends" in script
            assert "rm -rf /var/lib/apt/lists/*" in script


@pytest.mark.parametrize("name", IMAGES)
def test_image_when_run_then_not_as_root_and_with_a_health_check(name: str) -> None:
    stage = STAGES[name]
    instructions = [instruction for instruction, _ in stage.steps]
    assert stage.last("USER") == "1000:1000"
    # Nothing is done as root any more once the user is set.
    assert "RUN" not in instructions[instructions.index("USER") :]
    assert stage.health_command()
    assert re.search(r"--timeout=\d+s", stage.last("HEALTHCHECK"))
    assert all(stage.words(instruction) for instruction in ("ENTRYPOINT", "CMD"))


def test_engine_when_it_is_run_then_by_commands_that_exist() -> None:
    stage = STAGES["engine"]
    for words in (stage.command(), stage.health_command()):
        program, command, *options = words
        assert program == "prusacam"
        assert command in main.commands
        known = {name for param in main.commands[command].params for name in param.opts}
        assert {word for word in options if word.startswith("--")} <= known


def test_copies_when_they_are_made_then_what_they_name_is_there() -> None:
    for stage in STAGES.values():
        for value in of("COPY", stage):
            first, *rest = shlex.split(value)
            if first.startswith("--from="):
                assert first.partition("=")[2] in STAGES
                assert len(rest) == 2
            else:
                assert first == "."
    for name in dockerfile.context():
        assert (ROOT / name).exists(), name


def test_context_when_sent_then_all_that_a_build_needs() -> None:
    wanted = {"ext", "klipper_macros", "moonraker_prusacam", "setup.py", "LICENSE"}
    assert wanted | {"pyproject.toml", "README.md"} <= set(dockerfile.context())


def test_component_when_copied_then_where_moonraker_looks_for_it() -> None:
    (value,) = of("COPY", STAGES["moonraker"])
    _, source, target = shlex.split(value)
    folder = ROOT / source.partition("/site-packages/")[2]
    assert (folder / "component.py").is_file()
    assert target.endswith("/moonraker/components/prusacam")
    # Debian's Python decides the folder's name.
    assert "python3.11" in source
    assert "python3.11" in target


def test_compose_when_read_then_its_images_are_stages(
    services: dict[str, dict[str, Any]],
) -> None:
    built = {name: service["build"] for name, service in services.items()}
    assert {build["target"] for build in built.values()} == set(IMAGES)
    for build in built.values():
        context = (FOLDER / build["context"]).resolve()
        assert context == ROOT
        assert (context / build["dockerfile"]) == dockerfile.DOCKERFILE


def test_compose_when_run_then_no_more_rights_than_needed(
    services: dict[str, dict[str, Any]],
) -> None:
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert "network_mode" not in service
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:"), "loopback by default"


def test_compose_when_run_then_both_share_the_volume_and_the_configuration(
    services: dict[str, dict[str, Any]],
) -> None:
    mounts = [service["volumes"] for service in services.values()]
    assert mounts[0] == mounts[1] == ["printer_data:/data", "./config:/data/config"]
    assert "printer_data" in yaml.safe_load(COMPOSE.read_text())["volumes"]
    for name in IMAGES:
        assert any("/data/comms" in script for script in of("RUN", STAGES[name]))


def test_compose_when_asked_of_the_client_then_it_is_understood() -> None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and not _run(*command, "version").returncode:
            break
    else:
        pytest.skip("there is neither docker compose nor docker-compose")
    done = _run(*command, "--file", str(COMPOSE), "config")
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == {"moonraker", "prusacam"}


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def test_configuration_when_read_by_the_engine_then_no_mistake() -> None:
    made = config.load(FOLDER / "config" / "prusacam.conf")
    assert str(made.engine.data_path) == "/data"
    assert made.engine.host == "0.0.0.0"
    (exposed,) = of("EXPOSE", STAGES["engine"])
    assert exposed == str(made.engine.port)


def test_configuration_of_moonraker_when_read_then_the_component_is_in_it() -> None:
    parser = configparser.ConfigParser()
    parser.read(FOLDER / "config" / "moonraker.conf")
    assert parser.has_section("prusacam")
    (exposed,) = of("EXPOSE", STAGES["moonraker"])
    assert exposed == parser["server"]["port"]
    assert parser["server"]["klippy_uds_address"].startswith("/data/")
