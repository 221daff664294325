# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""release_place and release_info on a machine with systemd."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    StaleTokenError,
    StateError,
    SystemFailure,
)
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.info import info
from ansible_collections.slipway.release.plugins.module_utils._release.running import (
    Selection,
    handover,
    proven,
    started,
    stopped,
)
from tiny import ALL, APP, LAYOUT, MAILER, PORTS, WEB, Release, answer, pid, running, snapshot, systemctl


def read(ports=()):
    return info(Host(LAYOUT), ports)


@pytest.fixture
def one(tmp_path):
    return Release(tmp_path, "1.0")


@pytest.fixture
def two(tmp_path):
    return Release(tmp_path, "2.0")


def test_the_first_placing_starts_the_component_with_all_it_was_promised(tmp_path):
    release = Release(
        tmp_path,
        "1.0",
        components=[{**WEB, "environment": {"ONLY_WEB": 'a "quoted" \\ $PATH `x`'}}],
        config={"MODE": "fast", "TEXT": "first line\nsecond = line", "EMPTY": ""},
        secrets={"database": "s3cret\nline"},
        shared_directories=["uploads", "var/media"],
    )
    outcome = release.place("blue")
    assert outcome.changed
    assert outcome.before == {"revision": None, "version": None, "status": "empty"}
    assert outcome.after == {"revision": release.id, "version": "1.0", "status": "placed"}
    said = answer("blue")
    environment = said["environment"]
    assert said["code"] == "1.0"
    assert said["arguments"] == ["two words", "100%"]
    assert os.path.samefile(said["cwd"], LAYOUT.slot("blue") / "release")
    assert (environment["PORT"], environment["SLOT"], environment["RELEASE"]) == ("18081", "blue", "1.0")
    assert environment["ONLY_WEB"] == 'a "quoted" \\ $PATH `x`'
    assert environment["TEXT"] == "first line\nsecond = line"
    assert (environment["MODE"], environment["EMPTY"]) == ("fast", "")
    assert said["secrets"] == {"database": "s3cret\nline"}
    assert said["user"] != 0
    assert outcome.instances["web"]["pid"] == pid("blue") > 0
    assert (LAYOUT.revision(release.id) / "release" / "uploads").resolve() == LAYOUT.shared / "uploads"
    assert (LAYOUT.shared / "var" / "media").stat().st_uid == said["user"]


def test_the_component_is_confined(tmp_path):
    probe = (
        "import json, os, subprocess\n"
        "def tried(action):\n"
        "    try:\n        action()\n        return True\n    except OSError:\n        return False\n"
        "result = {\n"
        " 'etc': tried(lambda: open('/etc/slipway-probe', 'w')),\n"
        " 'release': tried(lambda: open('probe', 'w')),\n"
        " 'secrets': tried(lambda: os.listdir('../secrets')),\n"
        " 'environment': tried(lambda: open('../environment')),\n"
        " 'shared': tried(lambda: open('uploads/probe', 'w')),\n"
        " 'state': tried(lambda: open(os.environ['STATE_DIRECTORY'] + '/probe', 'w')),\n"
        " 'home': tried(lambda: open('/home/visible')),\n"
        " 'elsewhere': tried(lambda: open('/srv/slipway-open/probe', 'w')),\n"
        " 'privileges': [line for line in open('/proc/self/status')\n"
        "                if line.startswith(('NoNewPrivs', 'CapBnd', 'Seccomp:'))],\n"
        "}\n"
        "json.dump(result, open('uploads/result', 'w'))\n"
    )
    Path("/home/visible").write_text("visible without ProtectHome")
    Path("/srv/slipway-open").mkdir(exist_ok=True)
    Path("/srv/slipway-open").chmod(0o777)
    component = {"name": "job", "kind": "worker", "command": "python3 probe.py"}
    release = Release(
        tmp_path,
        "1.0",
        components=[component],
        extra={"probe.py": probe},
        secrets={"s": "x"},
        shared_directories=["uploads"],
    )
    release.place("blue")
    systemctl("start", f"slipway-{APP}-job@blue.service")
    result = LAYOUT.shared / "uploads" / "result"
    give_up = time.monotonic() + 10
    while not result.exists() or not result.read_text():
        assert time.monotonic() < give_up
        time.sleep(0.05)
    found = json.loads(result.read_text())
    privileges = {line.split(":")[0]: line.split()[1] for line in found.pop("privileges")}
    assert found == {
        "etc": False,
        "release": False,
        "secrets": False,
        "environment": False,
        "shared": True,
        "state": True,
        "home": False,
        "elsewhere": False,
    }
    assert privileges == {"NoNewPrivs": "1", "CapBnd": "0000000000000000", "Seccomp": "2"}


def test_secrets_are_nowhere_but_in_their_files(tmp_path):
    secret = "hunter2-hunter2"
    release = Release(tmp_path, "1.0", secrets={"database": secret})
    diff = json.dumps(release.place("blue").diff)
    assert secret not in diff
    holders = [
        path for path in (*LAYOUT.home.rglob("*"), *LAYOUT.state.rglob("*")) if path.is_file() and not path.is_symlink()
    ]
    holders = [path for path in holders if secret in path.read_text(errors="replace")]
    assert holders == [LAYOUT.revision(release.id) / "secrets" / "database"]
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(holders[0].parent.stat().st_mode) == 0o700
    units = "".join(path.read_text() for path in LAYOUT.units.glob(f"slipway-{APP}*"))
    assert secret not in units
    with pytest.raises(InputError, match="not the ones"):
        Release(tmp_path, "2.0", secrets={"database": secret}).place("green", source=release.source(secrets={}))


def test_the_same_revision_twice_touches_nothing(tmp_path):
    release = Release(tmp_path, "1.0", components=ALL, shared_directories=["uploads"], secrets={"s": "x"})
    release.place("blue", token=4)
    answer("blue")
    before = snapshot()
    outcome = release.place("blue", token=4, source=release.source(artifact=None, secrets={}))
    assert not outcome.changed and outcome.steps == []
    assert snapshot() == before


def test_another_revision_replaces_the_process_and_needs_no_daemon_reload(one, two):
    first = one.place("blue")
    outcome = two.place("blue")
    assert outcome.before["revision"] == one.id and outcome.after["revision"] == two.id
    assert answer("blue")["code"] == "2.0"
    assert "daemon-reload" in [step["name"] for step in first.steps]
    assert "daemon-reload" not in [step["name"] for step in outcome.steps]
    assert outcome.diff[0]["before"] != outcome.diff[0]["after"]


def test_slots_do_not_disturb_each_other(one, two):
    one.place("blue")
    before = pid("blue")
    two.place("green", active_slot="blue")
    assert (answer("blue")["code"], answer("green")["code"]) == ("1.0", "2.0")
    assert pid("blue") == before


def test_a_component_that_is_gone_leaves_no_unit(tmp_path, one):
    Release(tmp_path, "0.9", components=[WEB, {**WEB, "name": "api", "ports": {"blue": 18083, "green": 18084}}]).place(
        "blue"
    )
    assert running("blue", "api")
    one.place("blue")
    assert not running("blue", "api")
    assert (
        sorted(path.name for path in LAYOUT.units.rglob(f"slipway-{APP}*")) == [f"slipway-{APP}-web@blue.service"] * 2
    )


def test_a_configuration_change_needs_no_artifact(tmp_path, one):
    one.place("blue")
    changed = Release(tmp_path, "1.0", config={"MODE": "slow"})
    changed.place("green", source=changed.source(artifact=None))
    assert answer("green")["environment"]["MODE"] == "slow"


def test_a_damaged_kept_artifact_is_not_used(tmp_path, one):
    one.place("blue")
    kept = LAYOUT.artifacts / one.document["artifact"]["sha256"]
    kept.write_bytes(b"damaged")
    changed = Release(tmp_path, "1.0", config={"MODE": "slow"})
    with pytest.raises(InputError, match="does not have the artifact"):
        changed.place("green", source=changed.source(artifact=None))
    changed.place("green")
    assert answer("green")["code"] == "1.0"


def test_a_dead_unit_is_started_again(one):
    one.place("blue")
    answer("blue")
    systemctl("stop", f"slipway-{APP}-web@blue.service")
    outcome = one.place("blue", active_slot="blue")
    assert outcome.changed and outcome.before == outcome.after
    assert answer("blue")["code"] == "1.0"


def test_a_crashed_process_comes_back_by_itself(one):
    one.place("blue")
    answer("blue")
    first = pid("blue")
    os.kill(first, signal.SIGKILL)
    answer("blue")
    assert pid("blue") not in (0, first)


def test_the_start_limit_never_refuses_a_deliberate_start(one, two):
    unit = f"slipway-{APP}-web@blue.service"
    one.place("blue")
    refused = False
    for _round in range(30):
        if subprocess.run(["systemctl", "start", unit], capture_output=True, check=False).returncode:
            refused = True
            break
        os.kill(pid("blue"), signal.SIGKILL)
        while running("blue", "web"):
            time.sleep(0.01)
    assert refused, "without the limit this test shows nothing"
    assert one.place("blue").changed
    assert answer("blue")["code"] == "1.0"


def test_check_mode_foretells_and_changes_nothing(one, two):
    foretold = one.place("blue", check=True)
    assert foretold.changed and foretold.extra == {"would_fetch": True}
    assert foretold.after["revision"] == one.id
    assert not LAYOUT.home.exists() and not LAYOUT.state.exists()
    done = one.place("blue")
    assert foretold.diff == done.diff
    before = snapshot()
    assert not one.place("blue", check=True).changed
    assert two.place("blue", check=True).extra == {"would_fetch": True}
    assert two.place("green", check=True).before["status"] == "empty"
    assert stopped(Host(LAYOUT, check=True), Selection("blue")).changed
    assert proven(Host(LAYOUT, check=True), Selection("blue")).changed
    assert snapshot() == before


def test_the_slot_that_takes_the_traffic_is_not_overwritten(one, two):
    one.place("blue")
    before = snapshot()
    with pytest.raises(StateError, match="takes the traffic"):
        two.place("blue", active_slot="blue")
    with pytest.raises(StateError, match="takes the traffic"):
        stopped(Host(LAYOUT), Selection("blue", active_slot="blue"))
    assert snapshot() == before
    assert two.place("blue", active_slot="blue", force=True).changed


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_port_in_use_is_refused_before_anything_changes(one, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, PORTS["blue"]))
        listener.listen()
        for check in (True, False):
            with pytest.raises(StateError, match=rf"port 18081 .* in use by .*pid {os.getpid()}"):
                one.place("blue", check=check)
        assert read([PORTS["blue"]])["ports"] == {"18081": f"python3 (pid {os.getpid()})"}
    assert not LAYOUT.home.exists()
    assert one.place("blue").changed


def test_the_other_slot_counts_as_somebody_else(tmp_path, one):
    one.place("blue")
    answer("blue")
    swapped = Release(tmp_path, "2.0", components=[{**WEB, "ports": {"blue": 18082, "green": 18081}}])
    with pytest.raises(StateError, match=f"slipway-{APP}-web@blue.service"):
        swapped.place("green")
    assert answer("blue")["code"] == "1.0"


def test_a_missing_account_is_refused(tmp_path):
    release = Release(tmp_path, "1.0")
    release.document["user"] = "nobody-here"
    with pytest.raises(StateError, match="nobody-here"):
        release.place("blue")
    assert not LAYOUT.home.exists()


def test_a_unit_of_somebody_else_is_not_overwritten(one):
    foreign = LAYOUT.units / f"slipway-{APP}-web@blue.service"
    foreign.write_text("[Service]\nExecStart=/bin/true\n")
    with pytest.raises(StateError, match="does not belong"):
        one.place("blue")
    assert foreign.read_text().startswith("[Service]")


def test_a_wrong_checksum_leaves_the_slot_as_it_was(tmp_path, one, two):
    one.place("blue")

    def seen():
        return {name: value for name, value in snapshot().items() if "journal" not in name and "artifacts" not in name}

    before = seen()
    with pytest.raises(InputError, match="SHA-256"):
        two.place("blue", source=two.source(artifact=str(one.archive)))
    assert seen() == before
    assert [path.name for path in LAYOUT.artifacts.iterdir()] == [one.document["artifact"]["sha256"]]
    journal = [json.loads(line) for line in (LAYOUT.state / "journal.jsonl").read_text().splitlines()]
    assert [line["event"] for line in journal[-2:]] == ["intent", "outcome"]
    assert "SHA-256" in journal[-1]["failed"]


def test_an_artifact_is_fetched_from_a_url(tmp_path, one):
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(SystemFailure, match="404"):
            one.place("blue", source=one.source(artifact=f"{address}/missing?signature=hunter2"))
        one.place("blue", source=one.source(artifact=f"{address}/{one.archive.name}"))
    finally:
        server.shutdown()
        server.server_close()
    assert answer("blue")["code"] == "1.0"
    assert "hunter2" not in (LAYOUT.state / "journal.jsonl").read_text()


def test_a_component_that_cannot_start_fails_the_slot(tmp_path, one):
    one.place("blue")
    broken = Release(tmp_path, "2.0", components=[{**WEB, "command": "/no/such/program"}])
    with pytest.raises(SystemFailure, match="did not start"):
        broken.place("blue")
    slot = read()["slots"]["blue"]
    assert (slot["status"], slot["running"], slot["revision"]) == ("failed", False, broken.id)
    assert not slot["instances"]["web"]["enabled"]
    assert one.place("blue").changed
    assert answer("blue")["code"] == "1.0"


def test_a_stale_token_changes_nothing(one, two):
    one.place("blue", token=7)
    before = snapshot()
    with pytest.raises(StaleTokenError):
        two.place("green", token=6)
    with pytest.raises(StaleTokenError):
        stopped(Host(LAYOUT, 6), Selection("blue"))
    with pytest.raises(StaleTokenError):
        two.place("green", token=6, check=True)
    assert snapshot() == before
    assert read()["token"] == 7


def test_stopping_and_marking_a_failed_slot(one, two):
    one.place("blue")
    two.place("green")
    nothing = stopped(Host(LAYOUT), Selection("green", only_revision=one.id), failed=True)
    assert not nothing.changed and running("green", "web")
    done = stopped(Host(LAYOUT), Selection("green", only_revision=two.id), failed=True)
    assert done.changed and done.after["status"] == "failed"
    assert not running("green", "web") and running("blue", "web")
    assert not stopped(Host(LAYOUT), Selection("green"), failed=True).changed
    slot = read()["slots"]["green"]
    assert (slot["status"], slot["running"]) == ("failed", False)
    with pytest.raises(StateError, match="failed"):
        started(Host(LAYOUT), Selection("green"))
    assert two.place("green").changed
    assert read()["slots"]["green"]["status"] == "placed"


def test_stopping_and_starting_again(one):
    one.place("blue")
    assert stopped(Host(LAYOUT), Selection("blue")).changed
    assert not stopped(Host(LAYOUT), Selection("blue")).changed
    assert not running("blue", "web")
    assert started(Host(LAYOUT), Selection("blue")).changed
    assert answer("blue")["code"] == "1.0"
    assert not started(Host(LAYOUT), Selection("blue")).changed


def test_an_empty_slot_can_be_stopped_but_not_started(one):
    assert not stopped(Host(LAYOUT), Selection("green"), failed=True).changed
    assert not stopped(Host(LAYOUT), Selection("green", ["mailer"])).changed
    assert not started(Host(LAYOUT), Selection("green", ["mailer"])).changed
    with pytest.raises(StateError, match="empty"):
        started(Host(LAYOUT), Selection("green"))
    with pytest.raises(StateError, match="empty"):
        proven(Host(LAYOUT), Selection("green"))


NOT_HTTP = [("mailer", "service"), ("leader", "service"), ("report", "timer")]


def consumers(slot):
    return [name for name, suffix in NOT_HTTP if running(slot, name, suffix)]


def test_handover_in_two_steps(tmp_path):
    old, new = Release(tmp_path, "1.0", components=ALL), Release(tmp_path, "2.0", components=ALL)
    names = [name for name, _rest in NOT_HTTP]
    old.place("blue")
    assert consumers("blue") == []
    started(Host(LAYOUT), Selection("blue", names))
    assert consumers("blue") == names
    new.place("green")
    assert consumers("green") == []
    with pytest.raises(StateError, match="must not run at once"):
        started(Host(LAYOUT), Selection("green", names))
    outcome = stopped(Host(LAYOUT), Selection("blue", [*names, "unknown"]))
    assert outcome.changed and outcome.extra == {"passed_over": ["unknown"]}
    assert (consumers("blue"), consumers("green")) == ([], [])
    started(Host(LAYOUT), Selection("green", names))
    assert (consumers("blue"), consumers("green")) == ([], names)
    assert running("blue", "web") and running("green", "web")
    assert not new.place("green").changed


def test_handover_in_one_step_never_runs_two(tmp_path):
    overlapping = {**MAILER, "name": "indexer", "overlap": True}
    old = Release(tmp_path, "1.0", components=[*ALL, overlapping])
    new = Release(tmp_path, "2.0", components=[*ALL, overlapping])
    old.place("blue")
    assert handover(Host(LAYOUT), Selection("blue")).changed
    new.place("green")
    foretold = handover(Host(LAYOUT, check=True), Selection("green"))
    assert foretold.changed and consumers("green") == []
    outcome = handover(Host(LAYOUT), Selection("green"))
    assert [step["name"] for step in outcome.steps] == ["start", "stop", "start"]
    assert (consumers("blue"), consumers("green")) == ([], [name for name, _rest in NOT_HTTP])
    assert running("green", "indexer") and not running("blue", "indexer")
    before = snapshot()
    assert not handover(Host(LAYOUT), Selection("green")).changed
    assert snapshot() == before


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


def test_information_about_a_host_without_slipway():
    found = read([PORTS["blue"]])
    nothing = {"revision": None, "version": None, "status": "empty", "running": False, "warm": None}
    empty = {**nothing, "instances": {}, "drift": []}
    assert found["slots"] == {"blue": empty, "green": empty}
    assert (found["revisions"], found["token"], found["ports"]) == ([], 0, {"18081": "free"})
    assert found["free_bytes"] > 0 and found["memory_available"] > 0
    assert not LAYOUT.home.exists() and not LAYOUT.state.exists()


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
