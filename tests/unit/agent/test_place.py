# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placing the agent: whole or not at all, repeatable, and able to run with nothing but what was placed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent import place as place_module
from ansible_collections.slipway.release.plugins.module_utils._agent.payload import sources
from ansible_collections.slipway.release.plugins.module_utils._agent.place import (
    MODULE,
    Placed,
    Places,
    code_digest,
    place,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError

SOURCES = {"package/__init__.py": b"", "package/code.py": b"VALUE = 1\n"}
CHANGED = {**SOURCES, "package/code.py": b"VALUE = 2\n"}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """All places below a temporary directory."""
    return Places(
        library=tmp_path / "lib" / "slipway",
        python=sys.executable,
        unit=tmp_path / "systemd" / "slipway-agent@.service",
        watch_unit=tmp_path / "systemd" / "slipway-watch@.service",
        warm_unit=tmp_path / "systemd" / "slipway-warm@.service",
        warm_timer=tmp_path / "systemd" / "slipway-warm@.timer",
        command=tmp_path / "sbin" / "slipway-agent",
        tmpfiles=tmp_path / "tmpfiles.d" / "slipway.conf",
    )


def changed(placed: Placed) -> bool:
    """Whether anything was replaced."""
    return placed.code or bool(placed.files)


def snapshot(places: Places) -> dict[str, tuple[float, int]]:
    """Time of change and inode of every path that is there."""
    top = places.library.parents[1]
    return {str(path): (path.lstat().st_mtime, path.lstat().st_ino) for path in top.rglob("*")}


def test_places_everything_once(places: Places) -> None:
    first = place(places, SOURCES)
    units = {places.unit, places.watch_unit, places.warm_unit, places.warm_timer}
    assert (first.code, set(first.files)) == (True, {*units, places.command, places.tmpfiles})
    assert (places.library / "package/code.py").read_bytes() == SOURCES["package/code.py"]
    assert f"PYTHONPATH={places.library}\n" in places.unit.read_text()
    before = snapshot(places)
    assert not changed(place(places, SOURCES))
    assert snapshot(places) == before


def test_check_changes_nothing(places: Places) -> None:
    assert changed(place(places, SOURCES, check=True))
    assert snapshot(places) == {}


def test_new_code_replaces_the_old_and_leaves_one_directory(places: Places) -> None:
    place(places, SOURCES)
    placed = place(places, CHANGED)
    assert (placed.code, placed.files) == (True, {})
    assert (places.library / "package/code.py").read_bytes() == b"VALUE = 2\n"
    assert len(list(places.library.parent.glob("slipway.*"))) == 1


@pytest.mark.parametrize("damage", ["changed", "missing", "added"])
def test_damaged_code_is_replaced(places: Places, damage: str) -> None:
    place(places, SOURCES)
    path = places.library / "package" / ("more.py" if damage == "added" else "code.py")
    if damage == "missing":
        path.unlink()
    else:
        path.write_text("import something_else\n")
    assert place(places, SOURCES).code
    assert (places.library / "package/code.py").read_bytes() == SOURCES["package/code.py"]
    assert not (places.library / "package/more.py").exists()


def test_a_changed_file_or_mode_is_replaced(places: Places) -> None:
    place(places, SOURCES)
    places.unit.write_text("[Service]\n")
    places.command.chmod(0o644)
    assert set(place(places, SOURCES).files) == {places.unit, places.command}
    assert os.access(places.command, os.X_OK)


def test_killed_before_the_link_the_old_code_stays_and_the_next_run_completes(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(places, SOURCES)

    def killed(_path: Path, _target: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(place_module, "link_atomic", killed)
        place(places, CHANGED)
    assert (places.library / "package/code.py").read_bytes() == SOURCES["package/code.py"]
    assert place(places, CHANGED).code
    assert len(list(places.library.parent.glob("slipway.*"))) == 1


def test_what_is_no_link_is_not_replaced(places: Places) -> None:
    places.library.mkdir(parents=True)
    with pytest.raises(StateError):
        place(places, SOURCES)


def test_the_digest_is_of_names_and_contents() -> None:
    assert code_digest(SOURCES) == code_digest(dict(reversed(SOURCES.items())))
    assert code_digest(SOURCES) != code_digest(CHANGED)
    assert code_digest(SOURCES) != code_digest({**SOURCES, "package/more.py": b""})


def run_placed(places: Places, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the placed command with no other library than Python's own."""
    environment = {"PATH": os.environ["PATH"], "PYTHONNOUSERSITE": "1"}
    argv = [str(places.command), *arguments]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, cwd="/")


def test_the_agent_runs_with_nothing_but_what_was_placed(places: Places) -> None:
    place(places, sources())
    done = run_placed(places, "check", "--app", "no-such-app")
    assert (done.returncode, "this host is no balancer" in done.stderr) == (2, True)
    preparing = [sys.executable, "-m", MODULE.replace("_agent", "_balancer.haproxy_prepare")]
    subprocess.run(preparing, env={"PYTHONPATH": str(places.library)}, check=True, cwd="/")


def test_what_ends_a_keep_warm_time_runs_with_nothing_but_what_was_placed(places: Places) -> None:
    place(places, sources())
    started = next(line for line in places.warm_unit.read_text().splitlines() if line.startswith("ExecStart="))
    argv = started.partition("=")[2].replace("%i", "shop").split()
    argv.append("--help")
    done = subprocess.run(argv, env={"PYTHONPATH": str(places.library)}, check=False, cwd="/", capture_output=True)
    assert done.returncode == 0, done.stderr


def test_nothing_placed_needs_ansible() -> None:
    found = sources()
    assert not [name for name, content in found.items() if b"ansible.module_utils" in content]
    assert f"{MODULE.replace('.', '/')}/__main__.py" in found
    assert "ansible_collections/__init__.py" in found


def test_sources_are_found_in_an_archive_too(tmp_path: Path) -> None:
    archive = tmp_path / "payload.zip"
    pack(archive, sources())
    code = f"import sys; from {MODULE}.payload import sources; sys.stdout.buffer.write(b''.join(sources().values()))"
    environment = {"PYTHONPATH": str(archive), "PYTHONNOUSERSITE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, cwd="/")
    assert done.stdout == b"".join(sources().values())


def pack(archive: Path, content: Mapping[str, bytes]) -> None:
    """Write an archive like the one in which Ansible sends a module."""
    with zipfile.ZipFile(archive, "w") as packed:
        for name, data in content.items():
            packed.writestr(name, data)
