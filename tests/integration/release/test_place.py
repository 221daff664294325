# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""release_place and release_info: what a slot holds after it was placed, on a machine with systemd."""

from __future__ import annotations

import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    SystemFailure,
)
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.running import (
    Selection,
    proven,
    stopped,
)
from tiny import ALL, APP, LAYOUT, PORTS, WEB, Release, answer, pid, read, running, snapshot


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


def test_information_about_a_host_without_slipway():
    found = read([PORTS["blue"]])
    nothing = {"revision": None, "version": None, "status": "empty", "running": False, "warm": None}
    empty = {**nothing, "instances": {}, "drift": []}
    assert found["slots"] == {"blue": empty, "green": empty}
    assert (found["revisions"], found["token"], found["ports"]) == ([], 0, {"18081": "free"})
    assert found["free_bytes"] > 0 and found["memory_available"] > 0
    assert not LAYOUT.home.exists() and not LAYOUT.state.exists()
