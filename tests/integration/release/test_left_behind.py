# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What older releases, hands and killed runs leave behind, and what is done about it, on a machine with systemd."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    StateError,
)
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.running import (
    Selection,
    proven,
    started,
    stopped,
)
from tiny import APP, LAYOUT, MAILER, Release, answer, pid, read, running, systemctl


def test_old_revisions_are_pruned_but_never_one_that_matters(tmp_path):
    releases = [Release(tmp_path, f"{number}.0") for number in range(8)]
    releases[0].place("blue")
    proven(Host(LAYOUT), Selection("blue"))
    releases[1].place("green", keep=2)
    proven(Host(LAYOUT), Selection("green"))
    for release in releases[2:]:
        outcome = release.place("blue", keep=2, protect=[releases[2].id])
    kept = {item["id"] for item in read()["revisions"]}
    expected = {releases[number].id for number in (0, 1, 2, 6, 7)}
    assert kept == expected
    assert outcome.pruned == [releases[5].id]
    assert {path.name for path in LAYOUT.artifacts.iterdir()} == {
        release.document["artifact"]["sha256"] for release in releases if release.id in expected
    }
    order = [item["version"] for item in read()["revisions"]]
    assert order == ["7.0", "6.0", "2.0", "1.0", "0.0"]
    assert [item["version"] for item in read()["revisions"] if item["proven"]] == ["1.0", "0.0"]


def test_drift_is_reported_and_mended(one):
    one.place("blue")
    unit = LAYOUT.units / f"slipway-{APP}-web@blue.service"
    assert read()["slots"]["blue"]["drift"] == []
    unit.write_text(unit.read_text().replace("NoNewPrivileges=yes\n", ""))
    assert read()["slots"]["blue"]["drift"] == [f"unit {unit.name} was changed"]
    serving = pid("blue")
    assert one.place("blue", active_slot="blue").changed
    assert pid("blue") == serving, "a unit is mended without ending the process that takes the traffic"
    assert read()["slots"]["blue"]["drift"] == []
    unit.unlink()
    assert read()["slots"]["blue"]["drift"] == [f"unit {unit.name} is missing"]
    one.place("blue")
    assert read()["slots"]["blue"]["drift"] == []
    manifest = LAYOUT.revision(one.id) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"1.0"', '"6.6"'))
    assert read()["slots"]["blue"]["drift"] == [f"the manifest of revision {one.id} was changed"]
    with pytest.raises(StateError, match="manifest"):
        one.place("green")


def test_a_slot_whose_link_was_moved_by_hand_is_not_taken_for_placed(one, two):
    one.place("blue")
    two.place("green")
    LAYOUT.slot("blue").unlink()
    LAYOUT.slot("blue").symlink_to(f"../revisions/{two.id}")
    assert read()["slots"]["blue"]["status"] == "placing"
    assert one.place("blue").changed
    assert answer("blue")["code"] == "1.0"


def test_what_killed_runs_left_is_swept(one, two):
    one.place("blue")
    left = [
        LAYOUT.revisions / ".incoming-dead",
        LAYOUT.revisions / ".pruned-dead",
        LAYOUT.artifacts / ".incoming-dead",
        LAYOUT.slots / ".blue.1.link",
        LAYOUT.state / ".slots.json.dead",
        LAYOUT.units / f".slipway-{APP}-web@blue.service.dead",
    ]
    for path in left:
        if "incoming" in path.name or "pruned" in path.name:
            (path / "deep").mkdir(parents=True)
        else:
            path.write_text("half")
    two.place("blue")
    assert [path for path in left if path.exists()] == []


def test_a_child_of_a_killed_run_is_waited_for(one):
    one.place("blue")
    child = subprocess.Popen(["flock", str(LAYOUT.state / "children"), "sleep", "1"])
    time.sleep(0.3)
    began = time.monotonic()
    stopped(Host(LAYOUT), Selection("blue"))
    assert child.poll() == 0 and time.monotonic() > began


def test_the_systemctl_of_a_killed_run_keeps_the_next_one_waiting(tmp_path):
    slow = "import signal, time, os\nsignal.signal(signal.SIGTERM, lambda *_: (time.sleep(2), os._exit(0)))\n"
    component = {**MAILER, "command": "python3 slow.py"}
    slow += f"open(os.environ['STATE_DIRECTORY'] + '/ready', 'w')\ntime.sleep({1e6})\n"
    Release(tmp_path, "1.0", components=[component], extra={"slow.py": slow}).place("blue")
    started(Host(LAYOUT), Selection("blue", ["mailer"]))
    unit = f"slipway-{APP}-mailer@blue.service"
    while not Path(f"/var/lib/slipway-{APP}/ready").exists():
        time.sleep(0.02)
    program = "from test_place import *; stopped(Host(LAYOUT), Selection('blue'))"
    run = subprocess.Popen([sys.executable, "-B", "-c", program], cwd=Path(__file__).parent)
    while systemctl("is-active", unit) != "deactivating":
        assert run.poll() is None
        time.sleep(0.02)
    run.kill()
    run.wait()
    assert subprocess.run(["flock", "--nonblock", str(LAYOUT.state / "children"), "true"], check=False).returncode == 1
    assert started(Host(LAYOUT), Selection("blue", ["mailer"])).changed
    assert running("blue", "mailer")
