# Tests of the installation, on hosts of many kinds.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""There, again, and back: after an uninstallation the tree is what it was before.

pip is played here; ``tests/integration/test_install_moonraker.py`` has the real one.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.errors import FileReadOnly, InstallError
from moonraker_prusacam.install import environment, journal, own_file
from moonraker_prusacam.install.environment import Environment
from moonraker_prusacam.install.installer import install
from moonraker_prusacam.install.journal import Journal
from moonraker_prusacam.install.uninstaller import uninstall
from tests.support.printer_host import PrinterHost, git_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.install.change import Change, Record
    from moonraker_prusacam.install.host import Host

TOKEN = "k3Yz-9_QwErTyUiOpAsD"
CHECK = f'{shlex.quote(sys.executable)} -m moonraker_prusacam "$@"'
REPOSITORY = Path(environment.__file__).parents[2]


@pytest.fixture(autouse=True)
def played_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Environments appear at once, and hold a command that does next to nothing."""

    def make(self: Environment, host: Host, record: Record) -> None:
        record["made_folders"] += map(str, host.make_folders(self.path))
        PrinterHost(tmp_path).fill_environment(self.path)
        record["digest"] = environment.digest(REPOSITORY)

    monkeypatch.setattr(Environment, "make", make)
    # What survives a power cut is tested elsewhere, and takes its time.
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def printer(tmp_path: Path) -> PrinterHost:
    """The host of most people: KIAUH's Moonraker, one instance."""
    printer = PrinterHost.make(tmp_path)
    printer.add_git_moonraker()
    printer.add_data()
    printer.add_usual_unit()
    return printer


def left_by(before: dict[str, str], printer: PrinterHost) -> set[str]:
    """Paths that are new, gone or different."""
    after = printer.snapshot()
    return {key for key in before | after if before.get(key) != after.get(key)}


KEPT = {"home/printer_data/config/prusacam.conf"}


def test_host_when_installed_then_everything_is_where_it_belongs(
    printer: PrinterHost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(printer.options()) == 0
    package = printer.home / "prusacam-env/lib/python3.11/site-packages"
    component = package / "moonraker_prusacam/component"
    assert (printer.components / "prusacam").readlink() == component
    shim = component / "shim/timelapse.py"
    assert (printer.components / "timelapse.py").readlink() == shim
    assert git_status(printer.home / "moonraker") == ""
    conf = (printer.config / "moonraker.conf").read_text()
    for section in ("[prusacam]", "[timelapse]", "[update_manager prusacam]"):
        assert conf.count(f"\n{section}\n") == 1
    assert f"virtualenv: {printer.home}/prusacam-env\n" in conf
    macros = (printer.config / "printer.cfg").read_text()
    assert "[include prusacam.cfg]\n" in macros
    assert "[include timelapse.cfg]\n" in macros
    for name in ("prusacam.cfg", "timelapse.cfg"):
        shipped = REPOSITORY / "klipper_macros" / name
        assert (printer.config / name).read_bytes() == shipped.read_bytes()
    assert (printer.data / "moonraker.asvc").read_text().endswith("sonar\nprusacam\n")
    unit = (printer.units / "prusacam.service").read_text()
    program = printer.home / "prusacam-env/bin/prusacam"
    assert f"ExecStart={program} run -c {printer.config}/prusacam.conf\n" in unit
    assert f"ReadWritePaths=-{printer.data}\n" in unit
    assert "SupplementaryGroups=video\n" in unit
    wanted = printer.units / "multi-user.target.wants/prusacam.service"
    assert str(wanted.readlink()) == "/etc/systemd/system/prusacam.service"
    assert "restart Klipper" in capsys.readouterr().out


def test_host_when_uninstalled_then_it_is_what_it_was_but_for_what_is_the_users(
    printer: PrinterHost,
) -> None:
    before = printer.snapshot()
    install(printer.options())
    assert uninstall(printer.options()) == 0
    assert left_by(before, printer) == KEPT


def test_host_when_purged_then_nothing_is_left(printer: PrinterHost) -> None:
    videos = printer.data / "timelapse"
    videos.mkdir()
    for name in ("theirs.mp4", "theirs.jpg", ".theirs.json"):
        (videos / name).write_text("{}")
    before = printer.snapshot()
    install(printer.options(token_file=token_file(printer)))
    (printer.path / "token").unlink()
    (printer.data / "prusacam/connect/front.fingerprint").write_text("f" * 40)
    for name in ("ours.mp4", "ours.jpg", "ours_frames.zip"):
        (videos / name).touch()
    (videos / ".ours.json").write_text('{"made_by": "moonraker-prusacam 0.1.0"}')
    (printer.data / "logs/prusacam.log.1").touch()

    assert uninstall(printer.options(purge=True)) == 0

    assert left_by(before, printer) == set()


def test_uninstallation_when_there_is_nothing_then_it_says_so(
    printer: PrinterHost, capsys: pytest.CaptureFixture[str]
) -> None:
    before = printer.snapshot()
    assert uninstall(printer.options()) == 0
    assert "Nothing of prusacam" in capsys.readouterr().out
    assert left_by(before, printer) == set()


@pytest.mark.parametrize("command", [install, uninstall])
def test_dry_run_when_asked_for_then_nothing_is_changed(
    printer: PrinterHost,
    command: Callable[[Any], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    if command is uninstall:
        install(printer.options())
    before = printer.snapshot()
    assert command(printer.options(dry_run=True)) == 0
    assert left_by(before, printer) == set()
    told = capsys.readouterr().out
    assert "moonraker.conf" in told
    assert "prusacam.service" in told


def test_host_when_installed_again_then_nothing_changes(
    printer: PrinterHost, capsys: pytest.CaptureFixture[str]
) -> None:
    before = printer.snapshot()
    install(printer.options())
    installed = printer.snapshot()
    capsys.readouterr()
    install(printer.options())
    assert "nothing is to be changed" in capsys.readouterr().out
    assert left_by(installed, printer) == set()
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


DAMAGES: dict[str, Callable[[PrinterHost], None]] = {
    "link": lambda printer: (printer.components / "prusacam").unlink(),
    "dangling": lambda printer: relink(printer.components / "prusacam"),
    "shim": lambda printer: (printer.components / "timelapse.py").unlink(),
    "section": lambda printer: truncate(printer.config / "moonraker.conf"),
    "include": lambda printer: truncate(printer.config / "printer.cfg"),
    "macros": lambda printer: (printer.config / "prusacam.cfg").unlink(),
    "unit": lambda printer: (printer.units / "prusacam.service").unlink(),
    "environment": lambda printer: shutil.rmtree(printer.home / "prusacam-env/bin"),
    "exclude": lambda printer: truncate(
        printer.home / "moonraker/.git/info/exclude", everything=True
    ),
    "journal": lambda printer: (printer.data / "prusacam/install.json").unlink(),
}


def relink(link: Path) -> None:
    link.unlink()
    link.symlink_to("/gone/site-packages/moonraker_prusacam/component")


def truncate(file: Path, *, everything: bool = False) -> None:
    """Take our lines out by hand, or all."""
    kept, skipping = [], everything
    for line in file.read_text().splitlines(keepends=True):
        skipping = (skipping or line.startswith("# >>>")) and "# <<<" not in line
        if not skipping and "prusacam" not in line and "include timelapse" not in line:
            kept.append(line)
    file.write_text("".join(kept))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_host_when_damaged_then_another_installation_mends_it(
    printer: PrinterHost, damage: Callable[[PrinterHost], None]
) -> None:
    install(printer.options())
    whole = printer.snapshot()
    damage(printer)
    assert left_by(whole, printer)
    install(printer.options())
    changed = {path for path in left_by(whole, printer) if "backup" not in path}
    assert changed <= {"home/printer_data/prusacam/install.json"} | {
        # What is put back comes to the end; it need not be where it was.
        path
        for path in changed
        if path.endswith((".conf", ".cfg", "exclude"))
    }
    conf = (printer.config / "moonraker.conf").read_text()
    assert conf.count("[prusacam]") == 1
    assert (printer.config / "printer.cfg").read_text().count("prusacam.cfg") == 1
    assert git_status(printer.home / "moonraker") == ""


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_host_when_damaged_then_it_can_be_uninstalled(
    printer: PrinterHost, damage: Callable[[PrinterHost], None]
) -> None:
    before = printer.snapshot()
    install(printer.options())
    damage(printer)
    edited = printer.snapshot()
    uninstall(printer.options())
    left = left_by(before, printer) - KEPT
    after = printer.snapshot()
    # What somebody else has made of it since is theirs.
    theirs = {
        "exclude": {"home/moonraker/.git/info/exclude"},
        "section": {"home/printer_data/config/moonraker.conf"},
    }
    name = next(name for name, value in DAMAGES.items() if value is damage)
    assert left == theirs.get(name, set())
    assert all(after[path] == edited[path] for path in left)


STEPS = 18


@pytest.mark.parametrize("step", range(STEPS))
def test_installation_when_killed_at_a_step_then_it_can_go_on_or_back(
    printer: PrinterHost, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    class Killed(BaseException):
        pass

    count = 0
    real_make = Journal.make

    def make(self: Journal, change: Change, host: Host, others: Any) -> bool:
        nonlocal count
        count += 1
        if count == step + 1:
            # Half of a step: it is written down, and not made.
            self._keep(change.key, change.record(self.records.get(change.key)))
            raise Killed
        return real_make(self, change, host, others)

    before = printer.snapshot()
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "make", make)
        try:
            install(printer.options())
        except Killed:
            pass
        else:
            assert step >= count, "more steps than STEPS: raise it"
    if step % 2:
        assert install(printer.options()) == 0
        assert (printer.components / "prusacam").is_symlink()
        assert (printer.units / "prusacam.service").is_file()
    uninstall(printer.options())
    assert left_by(before, printer) <= KEPT


def token_file(printer: PrinterHost, token: str = TOKEN) -> Path:
    file = printer.path / "token"
    file.write_text(f"{token}\n")
    return file


def test_token_when_given_by_a_file_then_only_its_owner_can_read_it(
    printer: PrinterHost, capsys: pytest.CaptureFixture[str]
) -> None:
    install(printer.options(token_file=token_file(printer), name="nozzle"))
    stored = printer.data / "prusacam/connect/nozzle.token"
    assert stored.read_text() == f"{TOKEN}\n"
    assert stored.stat().st_mode & 0o777 == 0o600
    conf = (printer.config / "prusacam.conf").read_text()
    assert f"[connect nozzle]\ntoken_file: {stored}\n" in conf
    told = capsys.readouterr()
    assert TOKEN not in conf + told.out + told.err
    (printer.path / "token").unlink()
    shown = [path for path in printer.path.rglob("*") if path.is_file()]
    assert [path for path in shown if TOKEN.encode() in path.read_bytes()] == [stored]


def test_token_when_another_is_kept_then_neither_is_lost(printer: PrinterHost) -> None:
    install(printer.options(token_file=token_file(printer)))
    uninstall(printer.options())
    (printer.config / "prusacam.conf").unlink()
    other = TOKEN[::-1]
    before = printer.snapshot()
    with pytest.raises(InstallError, match="holds another token") as caught:
        install(printer.options(token_file=token_file(printer, other)))
    assert other not in str(caught.value)
    assert left_by(before, printer) == {"token"}
    assert install(printer.options(token_file=token_file(printer))) == 0


def test_token_when_it_is_none_then_moonraker_is_not_touched(
    printer: PrinterHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def make(self: Environment, host: Host, record: Record) -> None:
        record["made_folders"] += map(str, host.make_folders(self.path))
        printer.fill_environment(self.path, CHECK)

    monkeypatch.setattr(Environment, "make", make)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    given = token_file(printer, "too-short")
    before = printer.snapshot()
    with pytest.raises(InstallError, match="20 characters") as caught:
        install(printer.options(token_file=given))
    assert "too-short" not in str(caught.value)
    uninstall(printer.options())
    assert left_by(before, printer) <= {"home/printer_data/prusacam"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"camera": "rtsp://user:geheim@10.0.0.9/stream1"}, "camera add"),
        ({"camera": "/dev/video0"}, "no source"),
        ({"camera": "http://x/\n[engine]"}, "no source"),
        ({"camera": "exec:true # x"}, "no source"),
        ({"name": "a/b"}, "--name"),
        ({"name": ""}, None),
        ({"token_file": Path("/nowhere/token")}, "No such file"),
    ],
)
def test_answer_when_it_cannot_be_written_down_then_it_is_refused_before_all_else(
    printer: PrinterHost, given: dict[str, Any], message: str | None
) -> None:
    before = printer.snapshot()
    if message is None:
        install(printer.options(**given))
        assert "[camera front]" in (printer.config / "prusacam.conf").read_text()
        return
    with pytest.raises(InstallError, match=message) as caught:
        install(printer.options(**given))
    assert "geheim" not in str(caught.value)
    assert left_by(before, printer) == set()


def test_moonraker_of_pip_when_installed_then_its_package_has_the_links(
    tmp_path: Path,
) -> None:
    printer = PrinterHost.make(tmp_path)
    components = printer.add_pip_moonraker()
    printer.add_data()
    printer.add_unit(f'MOONRAKER_ARGS="-m moonraker -d {printer.data}"\n')
    before = printer.snapshot()
    install(printer.options())
    assert (components / "prusacam").is_symlink()
    assert (components / "timelapse.py").is_symlink()
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


def test_instances_when_there_are_two_then_they_share_and_the_last_one_clears_up(
    tmp_path: Path,
) -> None:
    printer = PrinterHost.make(tmp_path)
    printer.add_git_moonraker()
    folders = [printer.add_data(f"printer_{number}_data") for number in (1, 2)]
    for number, data in enumerate(folders, 1):
        printer.add_usual_unit(f"moonraker-{number}", data)
    before = printer.snapshot()

    for data in folders:
        install(printer.options(data=data))

    first, second = ((data / "config/prusacam.conf").read_text() for data in folders)
    assert f"[engine]\ndata_path: {folders[0]}\n\n" in first
    assert f"[engine]\ndata_path: {folders[1]}\nport: 8082\n" in second
    names = {path.name for path in printer.units.glob("prusacam*")}
    assert names == {"prusacam-1.service", "prusacam-2.service"}
    conf = (folders[1] / "config/moonraker.conf").read_text()
    assert "[update_manager prusacam-2]\n" in conf
    assert "managed_services: prusacam-2 moonraker\n" in conf
    assert (folders[1] / "moonraker.asvc").read_text().endswith("\nprusacam-2\n")

    uninstall(printer.options(data=folders[0]))
    assert (printer.components / "prusacam").is_symlink()
    assert (printer.home / "prusacam-env/bin/prusacam").is_file()
    assert git_status(printer.home / "moonraker") == ""
    uninstall(printer.options(data=folders[1]))
    assert left_by(before, printer) == {
        f"home/printer_{number}_data/config/prusacam.conf" for number in (1, 2)
    }


def test_printer_cfg_when_it_is_read_only_then_all_else_is_installed(
    printer: PrinterHost, capsys: pytest.CaptureFixture[str]
) -> None:
    config = printer.config / "printer.cfg"
    config.chmod(0o444)
    before = printer.snapshot()
    assert install(printer.options()) == 0
    told = capsys.readouterr().out
    assert f"{config} is read-only" in told
    assert "[include prusacam.cfg] and [include timelapse.cfg]" in told
    assert (printer.components / "prusacam").is_symlink()
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


def test_printer_cfg_when_it_includes_all_files_then_it_is_not_edited(
    printer: PrinterHost,
) -> None:
    config = printer.config / "printer.cfg"
    config.write_text(f"[include *.cfg]\n{config.read_text()}")
    text = config.read_text()
    install(printer.options())
    assert config.read_text() == text


def test_moonraker_conf_when_it_is_read_only_then_it_is_said_and_stays(
    printer: PrinterHost,
) -> None:
    conf = printer.config / "moonraker.conf"
    conf.chmod(0o444)
    before = printer.snapshot()
    with pytest.raises(FileReadOnly, match=r"moonraker\.conf is read-only"):
        install(printer.options())
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


CROWSNEST = "[cam 1]\nmode: ustreamer\nport: 8080\ndevice: /dev/video0\n"


def test_crowsnest_when_it_has_the_camera_then_we_read_from_it(
    printer: PrinterHost,
) -> None:
    (printer.config / "crowsnest.conf").write_text(CROWSNEST)
    printer.listen_on(8080)
    before = printer.snapshot()
    install(printer.options())
    conf = (printer.config / "prusacam.conf").read_text()
    assert "source: http://127.0.0.1:8080/?action=stream\n" in conf
    assert "\nport:" not in conf
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


def test_port_when_somebody_else_has_8081_then_the_next_of_nginx_is_taken(
    printer: PrinterHost,
) -> None:
    printer.listen_on(8080, 8081)
    install(printer.options())
    assert "port: 8082\n" in (printer.config / "prusacam.conf").read_text()


def test_moonraker_timelapse_when_it_is_there_then_it_stays_as_it_is(
    printer: PrinterHost, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = printer.home / "moonraker-timelapse"
    (theirs / "component").mkdir(parents=True)
    (theirs / "component/timelapse.py").touch()
    link = printer.components / "timelapse.py"
    link.symlink_to(theirs / "component/timelapse.py")
    conf = printer.config / "moonraker.conf"
    conf.write_text(f"{conf.read_text()}\n[timelapse]\noutput_path: ~/timelapse/\n")
    macros = printer.config / "timelapse.cfg"
    macros.write_text("[gcode_macro TIMELAPSE_TAKE_FRAME]\ngcode:\n")
    before = printer.snapshot()

    install(printer.options())

    assert link.readlink() == theirs / "component/timelapse.py"
    assert conf.read_text().count("[timelapse]") == 1
    assert macros.read_text().startswith("[gcode_macro TIMELAPSE_TAKE_FRAME]")
    assert "moonraker-timelapse" in capsys.readouterr().out
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


def test_systemd_when_there_is_none_then_it_says_what_to_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = PrinterHost.make(tmp_path, has_systemd=False)
    printer.add_git_moonraker()
    printer.add_data()
    before = printer.snapshot()
    assert install(printer.options()) == 0
    told = capsys.readouterr().out
    command = f"{printer.home}/prusacam-env/bin/prusacam run -c {printer.config}"
    assert f"{command}/prusacam.conf" in told
    assert not list(printer.units.rglob("*prusacam*"))
    conf = (printer.config / "moonraker.conf").read_text()
    assert "is_system_service: False\n" in conf
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


@pytest.fixture
def no_root(printer: PrinterHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """We are a user who may not write below /etc."""
    real_access = os.access

    def access(path: Path, mode: int) -> bool:
        return printer.units not in (path, *path.parents) and real_access(path, mode)

    monkeypatch.setattr(os, "access", access)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def test_sudo_when_there_is_none_then_it_says_what_root_has_to_do(
    printer: PrinterHost,
    no_root: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    before = printer.snapshot()
    assert install(printer.options()) == 0
    told = capsys.readouterr().out
    staged = printer.data / "prusacam/units"
    assert f"cp {staged}/*.service /etc/systemd/system/" in told
    assert "systemctl enable --now prusacam.service" in told
    assert b"[Service]" in (staged / "prusacam.service").read_bytes()
    assert (printer.components / "prusacam").is_symlink()
    shutil.rmtree(staged)
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


def test_uninstallation_when_there_is_no_sudo_then_it_says_what_root_has_to_do(
    printer: PrinterHost,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = printer.snapshot()
    install(printer.options())
    request.getfixturevalue("no_root")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    uninstall(printer.options())
    told = capsys.readouterr().out
    unit = printer.units / "prusacam.service"
    wanted = printer.units / "multi-user.target.wants/prusacam.service"
    for path in (unit, wanted):
        assert f"as root: rm -f {path}; then uninstall again" in told
        path.unlink()
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


SUDO = """\
#!/bin/sh
printf '%s ' "$@" >>{log}; echo >>{log}
[ "$1" = -n ] && shift
exec "$@"
"""


def test_sudo_when_there_is_one_then_it_is_asked_for_the_units_only(
    printer: PrinterHost, no_root: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sudo, log = tmp_path / "sudo", tmp_path / "sudo.log"
    sudo.write_text(SUDO.format(log=log))
    sudo.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(sudo))
    before = printer.snapshot()
    install(printer.options(token_file=token_file(printer)))
    asked = log.read_text().splitlines()
    assert [line.split()[:2] for line in asked] == [["-n", "install"], ["-n", "ln"]]
    assert all(line.split()[-1].startswith(str(printer.units)) for line in asked)
    assert TOKEN not in log.read_text()
    uninstall(printer.options(purge=True))
    assert left_by(before, printer) == {"sudo.log", "token"}


def test_installation_by_hand_when_installed_over_then_it_comes_back(
    printer: PrinterHost,
) -> None:
    link = printer.components / "prusacam"
    link.symlink_to("/home/pi/src/moonraker_prusacam/component")
    conf, macros = printer.config / "moonraker.conf", printer.config / "prusacam.cfg"
    conf.write_text(f"{conf.read_text()}\n[prusacam]\n")
    macros.write_text("# of another version\n")
    include = printer.config / "printer.cfg"
    include.write_text(f"[include prusacam.cfg]\n{include.read_text()}")
    before = printer.snapshot()
    install(printer.options())
    assert str(link.readlink()).startswith(str(printer.home / "prusacam-env"))
    assert conf.read_text().count("[prusacam]") == 1
    assert include.read_text().count("[include prusacam.cfg]") == 1
    assert macros.read_text() != "# of another version\n"
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


def test_environment_when_the_system_has_a_newer_python_then_links_lead_to_it(
    printer: PrinterHost,
) -> None:
    install(printer.options())
    library = printer.home / "prusacam-env/lib"
    (version,) = library.iterdir()
    version.rename(library / "python3.9")
    (printer.home / "prusacam-env/bin/prusacam").unlink()
    link = printer.components / "prusacam"
    assert not link.exists()
    install(printer.options())
    assert link.exists()
    assert link.readlink().is_relative_to(version)


def test_macros_when_a_later_version_has_others_then_edited_ones_stay(
    printer: PrinterHost,
) -> None:
    install(printer.options())
    records = Journal(journal.journal_path(printer.data))
    for name in ("prusacam.cfg", "timelapse.cfg"):
        # As if an earlier version had written something else.
        (printer.config / name).write_text("# older\n")
        key = f"file {printer.config / name}"
        records.records[key]["digest"] = own_file.digest(b"# older\n")
    records._save()
    (printer.config / "timelapse.cfg").write_text("# older\n# and mine\n")

    install(printer.options())

    shipped = REPOSITORY / "klipper_macros/prusacam.cfg"
    assert (printer.config / "prusacam.cfg").read_text() == shipped.read_text()
    assert (printer.config / "timelapse.cfg").read_text() == "# older\n# and mine\n"
    uninstall(printer.options())
    assert not (printer.config / "prusacam.cfg").exists()
    assert (printer.config / "timelapse.cfg").exists()


def test_unit_when_somebody_has_edited_it_then_it_is_ours_all_the_same(
    printer: PrinterHost,
) -> None:
    before = printer.snapshot()
    install(printer.options())
    unit = printer.units / "prusacam.service"
    text = unit.read_text()
    unit.write_text(f"{text}\n# mine\n")
    install(printer.options())
    assert unit.read_text() == text
    unit.write_text(f"{text}\n# mine\n")
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


def test_unit_when_there_was_another_before_then_it_comes_back(
    printer: PrinterHost,
) -> None:
    (printer.units / "prusacam.service").write_text("[Service]\n# by hand\n")
    before = printer.snapshot()
    install(printer.options())
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


def test_configuration_when_it_is_there_then_it_stays_as_it_is(
    printer: PrinterHost, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "[camera mine]\nsource: test:\n[timelapse]\noutput_path: /mnt/videos\n"
    (printer.config / "prusacam.conf").write_text(text)
    install(printer.options(camera="test:"))
    assert (printer.config / "prusacam.conf").read_text() == text
    assert "stays as it is" in capsys.readouterr().out
    unit = (printer.units / "prusacam.service").read_text()
    assert f"ReadWritePaths=-{printer.data} -/mnt/videos\n" in unit


def test_moonraker_when_it_runs_as_somebody_else_then_nothing_is_done(
    printer: PrinterHost,
) -> None:
    unit = printer.units / "moonraker.service"
    unit.write_text(f"{unit.read_text()}User=somebody\n")
    before = printer.snapshot()
    with pytest.raises(InstallError, match="runs as somebody: install as that user"):
        install(printer.options())
    assert left_by(before, printer) == set()


def test_engine_when_installed_alone_then_no_moonraker_is_needed(
    tmp_path: Path,
) -> None:
    printer = PrinterHost.make(tmp_path)
    before = printer.snapshot()
    assert install(printer.options(no_moonraker=True, camera="test:")) == 0
    assert (printer.units / "prusacam.service").is_file()
    assert (printer.config / "prusacam.conf").is_file()
    uninstall(printer.options(no_moonraker=True, purge=True))
    assert left_by(before, printer) == set()


def test_gateway_when_the_configuration_has_one_then_it_has_a_service(
    printer: PrinterHost,
) -> None:
    before = printer.snapshot()
    install(printer.options())
    unit = printer.units / "prusacam-gateway.service"
    assert not unit.exists()
    with (printer.config / "prusacam.conf").open("a") as file:
        file.write("[gateway]\n")
    install(printer.options())
    assert "/bin/prusacam gateway -c " in unit.read_text()
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


def test_feed_when_asked_for_then_the_camera_has_a_service_of_its_own(
    printer: PrinterHost,
) -> None:
    (printer.root / "usr/bin/rpicam-vid").touch()
    before = printer.snapshot()
    install(printer.options(feed=True))
    conf = (printer.config / "prusacam.conf").read_text()
    assert "source: tcp://127.0.0.1:9000\n" in conf
    unit = (printer.units / "prusacam-feed.service").read_text()
    assert "--listen -o tcp://127.0.0.1:9000\n" in unit
    install(printer.options())
    assert (printer.units / "prusacam-feed.service").is_file()
    uninstall(printer.options())
    assert left_by(before, printer) == KEPT


def test_link_when_a_folder_is_in_its_place_then_it_is_not_removed(
    printer: PrinterHost,
) -> None:
    (printer.components / "prusacam").mkdir()
    with pytest.raises(InstallError, match="is no link: move it away"):
        install(printer.options())
    assert (printer.components / "prusacam").is_dir()
