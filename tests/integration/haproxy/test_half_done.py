# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of structure that was left half-done: HAProxy serves, and the next installation completes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import Health
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy import MASTER_SOCKET
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy_service import OWN_DIRECTORY
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure

from tests.integration.machine import listens, run, wait_until

from .conftest import CONFIG, Host, ask, runtime

INSTALLER = str(Path(__file__).with_name("installer.py"))
CALLS = "rename,renameat,renameat2,fsync,fchmod,unlink,write,flock,vfork,clone,clone3,connect"
CONFIGURATION = OWN_DIRECTORY / "shop.cfg"


def other_structure(turn: int) -> Host:
    """The same application with a structure of its own for each turn."""
    return Host(replace(CONFIG, health=Health(interval=1 + turn % 2)), lambda text: f"# {turn}\n{text}")


def installer(host: Host, wanted: Path) -> list[str]:
    """The command that installs a structure in a process of its own."""
    files = {str(path): text for path, text in host.structure().files.items()}
    wanted.write_text(json.dumps({"config": host.config.to_dict(), "files": files}), encoding="utf-8")
    return [sys.executable, "-B", INSTALLER, str(wanted)]


def beside_the_files(host: Host) -> list[Path]:
    return [path for file in host.structure().files for path in file.parent.glob(f".{file.name}.*")]


def points(counted: Counter[str]) -> list[tuple[str, int]]:
    """Every call by name and number; of long rows the ends and some between."""
    found = []
    for name, count in sorted(counted.items()):
        found += [(name, number) for number in sorted({1, *range(1, count, 1 + count // 6), count})]
    return found


def test_an_installation_killed_anywhere_serves_and_is_completed(own: Host, tmp_path: Path) -> None:
    log, wanted = tmp_path / "log", tmp_path / "wanted"
    first = installer(other_structure(0), wanted)
    subprocess.run(["strace", "-o", str(log), "-e", f"trace={CALLS}", *first], check=True)
    counted = Counter(re.findall(r"^([a-z0-9]+)\(", log.read_text(encoding="utf-8"), re.MULTILINE))
    assert {"rename", "fsync", "connect"} <= set(counted)
    killed = written_not_loaded = swept = 0
    for turn, (name, number) in enumerate(points(counted), 1):
        old, other = own.balancer.structure(), other_structure(turn)
        new = other.structure().digest()
        command = installer(other, wanted)
        traced = ["strace", "-o", "/dev/null", "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"]
        killed += subprocess.run([*traced, *command], check=False, capture_output=True).returncode == -9
        wait_until(lambda one=old, two=new: own.balancer.structure() in (one, two), 5, "one of the two structures")
        is_written = f"# {turn}\n" in CONFIGURATION.read_text(encoding="utf-8")
        written_not_loaded += is_written and own.balancer.structure() == old
        assert {ask()[0] for _round in range(5)} == {200}, (name, number)
        swept += len(beside_the_files(other))
        subprocess.run(command, check=True)
        assert own.balancer.structure() == new, (name, number)
        assert beside_the_files(other) == [], (name, number)
    print(f"killed {killed} times, {written_not_loaded} of them written and not loaded; {swept} temporary files swept")
    assert killed >= 15 and written_not_loaded > 0 and swept > 0


def test_written_and_not_loaded_is_a_change_although_the_files_are_equal(own: Host) -> None:
    """A comparison of files alone would report that nothing has to be done."""
    other = other_structure(1)
    for path, data in other.structure().wanted().items():
        assert data is not None
        path.write_bytes(data)
    assert own.balancer.structure() != other.structure().digest()
    done = other.install()
    assert done.changed and not done.before
    assert own.balancer.structure() == other.structure().digest()
    assert not other.install().changed


@pytest.mark.parametrize("cut_at", ["acl slipway_blue_", "\nbackend"], ids=["within a line", "after a line"])
def test_a_half_written_configuration_is_not_loaded_and_replaced(own: Host, cut_at: str) -> None:
    """The unit refuses a reload with it; one that passes the unit by is reported by nobody but the master's count."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    CONFIGURATION.write_text(text[: text.index(cut_at) + 1], encoding="utf-8")
    workers = own.workers()
    assert run("systemctl", "reload", "haproxy", check=False).returncode != 0
    runtime(MASTER_SOCKET, "reload")
    wait_until(lambda: failed_reloads(own) == 1, 10, "the master has counted the refused reload")
    assert own.workers() == workers
    assert {ask()[0] for _round in range(10)} == {200}
    assert own.install().changed
    assert CONFIGURATION.read_text(encoding="utf-8") == text
    assert failed_reloads(own) == 0
    own.restart()
    assert ask()[0] == 200


def failed_reloads(host: Host) -> int:
    """How many reloads failed since the last that did not, says the master; -1 while it says nothing."""
    try:
        processes = host.balancer.processes()
    except SystemFailure:
        return -1
    return processes.failed if processes else -1


def test_an_emptied_configuration_is_replaced(own: Host) -> None:
    """HAProxy accepts it, and then has no application."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    CONFIGURATION.write_text("", encoding="utf-8")
    own.reload()
    wait_until(lambda: not listens(CONFIG.port), 10, "the application is gone")
    assert own.install().changed
    assert CONFIGURATION.read_text(encoding="utf-8") == text
    assert ask()[0] == 200


def test_a_half_written_part_of_somebody_else_refuses_the_installation_by_name(own: Host) -> None:
    other = OWN_DIRECTORY / "other.cfg"
    other.write_text("frontend other\n    mode ht", encoding="utf-8")
    before = CONFIGURATION.read_bytes()
    try:
        with pytest.raises(SystemFailure, match=r"slipway/other\.cfg"):
            other_structure(1).install()
        assert CONFIGURATION.read_bytes() == before
        assert ask()[0] == 200
    finally:
        other.unlink()
