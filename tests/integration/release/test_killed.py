# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""release_place killed at every system call that changes something: the slot is consistent, a second run converges."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import driver
import pytest
from ansible_collections.slipway.release.plugins.module_utils._release import units
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.info import info
from ansible_collections.slipway.release.plugins.module_utils._release.running import Selection, handover
from tiny import APP, LAYOUT, answer, pid, running

MUTATING = """
rename renameat renameat2 unlink unlinkat mkdir mkdirat rmdir symlink symlinkat link linkat chmod fchmod fchmodat
chown fchown lchown fchownat utimensat fsync fdatasync syncfs write pwrite64 ftruncate vfork clone clone3 poll
"""
OPERATIONS = ("present", "stopped", "handover")
SAMPLE = 9


def traced(operation, directory, *options):
    """Run an operation under strace; its children are not traced."""
    command = [sys.executable, "-B", driver.__file__, operation, str(directory)]
    return subprocess.run(
        ["strace", "-qq", *options, *command], capture_output=True, text=True, env=dict(os.environ), check=False
    )


def prepare(operation, directory):
    """The state before the operation: 1.0 active in blue with its worker; green as the operation finds it."""
    active, spare, new = driver.releases(directory)
    (LAYOUT.state / "token").unlink(missing_ok=True)
    active.place("blue", keep=1)
    handover(Host(LAYOUT), Selection("blue"))
    if operation == "present":
        spare.place("green", active_slot="blue", keep=1)
        answer("green")
    else:
        new.place("green", active_slot="blue", keep=1)
        answer("green")
    answer("blue")
    return active, spare, new


def kill_points(operation, directory):
    """Every call that changes something, as (name, number)."""
    prepare(operation, directory)
    log = directory / "trace"
    done = traced(operation, directory, "-o", str(log), "-e", f"trace={','.join(MUTATING.split())}")
    assert done.returncode == 0, done.stderr
    counted = Counter(re.findall(r"^(\w+)\(", log.read_text(), re.MULTILINE))
    return [(name, number) for name in sorted(counted) for number in range(1, counted[name] + 1)]


def assert_consistent(active, spare, new, blue):
    """Nothing is half there, and whatever runs or would be started by a boot belongs to what the link says."""
    assert pid("blue") == blue and answer("blue")["code"] == "1.0"
    host = Host(LAYOUT)
    for identifier in host.store.identifiers():
        assert host.store.intact(identifier)
        for name in ("release/web.py", "environment"):
            assert (LAYOUT.revision(identifier) / name).stat().st_size > 0
    for artifact in (path for path in LAYOUT.artifacts.iterdir() if not path.name.startswith(".")):
        assert hashlib.sha256(artifact.read_bytes()).hexdigest() == artifact.name
    assert LAYOUT.linked("green") in (spare.id, new.id)
    linked = spare if LAYOUT.linked("green") == spare.id else new
    expected = units.render(linked.document, "green", LAYOUT)
    view = host.view("green")
    for name, text in view.installed.items():
        if name in view.enabled or view.states[name].running:
            assert text == expected.get(name), f"{name} does not belong to {linked.document['version']}"
    if "slipway-tiny-web@green.service" in view.active_units():
        said = answer("green")
        assert said["code"] == said["environment"]["RELEASE"] == linked.document["version"]
    info(host)


def assert_done(operation, directory, new):
    """The operation is complete, and a further run finds nothing to do."""
    again = driver.operate(operation, directory)
    assert not again.changed, again.steps
    host = Host(LAYOUT)
    found = info(host)
    assert found["slots"]["green"]["revision"] == new.id
    assert found["slots"]["green"]["drift"] == []
    assert host.leftovers() == []
    assert host.store.unneeded_artifacts() == []
    consuming = [slot for slot in ("blue", "green") if running(slot, "mailer")]
    if operation == "stopped":
        assert not running("green", "web") and found["slots"]["green"]["status"] == "failed"
        return
    assert consuming == (["green"] if operation == "handover" else ["blue"])
    said = answer("green")
    assert said["code"] == said["environment"]["RELEASE"] == "2.0"
    assert found["slots"]["green"]["status"] == "placed"
    names = sorted(path.name for path in LAYOUT.units.glob(f"slipway-{APP}-*@green.service"))
    assert names == [f"slipway-{APP}-mailer@green.service", f"slipway-{APP}-web@green.service"]


def kill_and_repeat(operation, directory, points):
    for name, number in points:
        active, spare, new = prepare(operation, directory)
        blue = pid("blue")
        inject = ["-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"]
        done = traced(operation, directory, "-o", "/dev/null", *inject)
        where = f"{operation} killed at {name} number {number}"
        assert done.returncode != 0 or name == "poll", f"not {where}: only how often a child is polled may vary"
        try:
            assert_consistent(active, spare, new, blue)
            driver.operate(operation, directory)
            assert_done(operation, directory, new)
        except Exception as exc:
            raise AssertionError(where) from exc


@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_at_some_calls(operation, tmp_path):
    directory = Path(tmp_path)
    points = kill_points(operation, directory)
    assert len(points) > (60 if operation == "present" else 10)
    renames = [point for point in points if point[0] == "rename"]
    others = [point for point in points if point[0] != "rename"]
    kill_and_repeat(operation, directory, renames + others[::SAMPLE])


@pytest.mark.exhaustive
@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_at_every_call(operation, tmp_path):
    directory = Path(tmp_path)
    kill_and_repeat(operation, directory, kill_points(operation, directory))
