# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hooks of whole deployments: when each runs, what is so at that time, and what its failure does."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.system.fleet import APPLICATION, BALANCERS, LEDGER, OTHER, WATCHING, Fleet, own_log

POINTS = ("before_slots", "before_traffic", "after_step", "before_settle", "after_settle", "on_undo")
SECRET = "s3cr3t-of-the-chat"
PATH = "/services/T0B1"
TIMEOUT = 20
CANARY = '{"slipway_rollout": "canary", "slipway_canary_steps": [{"percent": 25, "pause": 0}]}'
HALF_FOR_LONG = '{"slipway_rollout": "canary", "slipway_canary_steps": [{"percent": 50, "pause": 600}]}'
ROLLING = '{"slipway_rollout": "rolling", "slipway_batch_pause": 0}'
LOG = "/var/tmp/hooks.log"
Told = tuple[str, str, int]


@dataclass
class Chat:
    """A server on the controller that keeps what it was told, and what was so at that time."""

    url: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    looked: list[Any] = field(default_factory=list)
    look: Callable[[], Any] = lambda: None

    def points(self) -> list[Told]:
        """Point, step and percent of everything that it was told."""
        return [(facts["hook"], facts["step"], facts["percent"]) for facts in self.told]

    def hooks(self, *points: str) -> list[dict[str, Any]]:
        """A hook at each of these points that tells this server."""
        return [
            {
                "name": f"tell-{point}",
                "at": point,
                "url": f"{self.url}{PATH}",
                "headers": {"Authorization": f"Bearer {SECRET}"},
                "timeout": TIMEOUT,
            }
            for point in points
        ]


@pytest.fixture
def chat() -> Iterator[Chat]:
    """A running one."""
    kept = Chat()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            kept.headers.append(f"{self.path} {self.headers['Authorization']}")
            kept.looked.append(kept.look())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Stay quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kept
    server.shutdown()
    server.server_close()


def hooked(directory: Path, hooks: list[dict[str, Any]]) -> list[str]:
    """Flags of ansible-playbook for these hooks."""
    path = directory / "hooks.json"
    path.write_text(json.dumps({"slipway_hooks": hooks, **own_log(directory)}), encoding="utf-8")
    return ["-e", f"@{path}"]


def command(name: str, at: str, line: str, hosts: str = "controller", **more: Any) -> dict[str, Any]:
    return {"name": name, "at": at, "command": line, "hosts": hosts, "timeout": TIMEOUT, **more}


def test_every_hook_runs_at_its_point_in_its_order_and_nothing_is_lost(
    fleet: Fleet, chat: Chat, tmp_path: Path
) -> None:
    before, version = fleet.active(), fleet.versions.fresh()
    slot = OTHER[before["slot"]]
    for host in (*BALANCERS, *APPLICATION, LEDGER):
        fleet.inside(host, "rm", "-f", LOG)
    log = f"""sh -c 'echo "$(id -un) $SLIPWAY_HOOK $SLIPWAY_STEP $SLIPWAY_PERCENT" >> {LOG}'"""
    hooks = [
        *chat.hooks(*reversed(POINTS)),
        command("on-the-hosts", "before_traffic", log, "application", user=f"slipway-{fleet.app}"),
        command("on-the-ledger", "before_slots", log, "ledger", user="root"),
        command("on-the-balancers", "after_step", log, "balancers"),
    ]
    chat.look = lambda: (
        [fleet.percents(host)[slot] for host in BALANCERS],
        {fleet.slot(host, slot)["version"] == version for host in APPLICATION},
        fleet.ledger()["state"]["active"]["version"],
    )
    with fleet.traffic() as measured:
        fleet.deploy(version, "-vvv", "-e", CANARY, *hooked(tmp_path, hooks))
    measured.require_none_lost()
    old = before["version"]
    assert list(zip(chat.points(), chat.looked)) == [
        (("before_slots", "", 0), ([0, 0], {False}, old)),
        (("before_traffic", "", 0), ([0, 0], {True}, old)),
        (("after_step", "canary at 25 %", 25), ([25, 25], {True}, old)),
        (("after_step", "canary at 100 %", 100), ([100, 100], {True}, old)),
        (("before_settle", "", 100), ([100, 100], {True}, old)),
        (("after_settle", "", 100), ([100, 100], {True}, version)),
    ]
    last = fleet.ledger()["state"]["deployments"][-1]
    for facts in chat.told:
        assert (facts["app"], facts["verb"], facts["deployment"]) == (fleet.app, "deploy", last["id"])
        assert (facts["version"], facts["from_version"], facts["slot"]) == (version, old, slot)
    assert set(chat.headers) == {f"{PATH} Bearer {SECRET}"}
    for host in APPLICATION:
        assert fleet.inside(host, "cat", LOG) == f"slipway-{fleet.app} before_traffic  0\n"
    assert fleet.inside(LEDGER, "cat", LOG) == "root before_slots  0\n"
    for host in BALANCERS:
        lines = [f"deploy after_step canary at {percent} % {percent}\n" for percent in (25, 100)]
        assert fleet.inside(host, "cat", LOG) == "".join(lines)
    newest = max((path for path in fleet.operator.logs.glob(f"*{version}*")), key=lambda path: path.stat().st_mtime)
    output = newest.read_text(encoding="utf-8")
    assert "tell-after_settle" in output
    assert not [secret for secret in (SECRET, PATH) if secret in output]


def test_what_a_hook_refuses_before_the_traffic_leaves_it_where_it_was(
    fleet: Fleet, chat: Chat, tmp_path: Path
) -> None:
    before, version = fleet.active(), fleet.versions.fresh()
    hooks = [
        command("warm", "before_traffic", "sh -c 'echo the cache is cold; exit 3'", "application"),
        *chat.hooks("before_slots", "before_traffic", "after_step"),
        command("gone", "on_undo", "/nowhere/program"),
        *chat.hooks("on_undo"),
    ]
    with fleet.traffic() as measured:
        refused = fleet.run("deploy", *hooked(tmp_path, hooks), version=version)
    measured.require_none_lost()
    assert measured.versions() == {before["version"]}
    assert refused.code != 0
    why = "stage hook warm at before_traffic: fail: app1 failed (exit status 3; its last lines: the cache is cold)"
    assert f"{version} is not active: {why}" in refused.reason(), refused.reason()
    assert "Hooks failed: stage hook gone at on_undo: fail: localhost failed (/nowhere/program" in refused.reason()
    assert chat.points() == [("before_slots", "", 0), ("on_undo", "", 0)]
    assert chat.told[-1]["reason"] == f"{why}. The traffic is on slot {before['slot']}."
    fleet.require_active(before["version"])
    last = fleet.ledger()["state"]["deployments"][-1]
    assert (last["result"], why in last["reason"]) == ("failed", True)
    for host in APPLICATION:
        assert not fleet.slot(host, OTHER[before["slot"]])["running"], host
    fleet.deploy(fleet.versions.fresh())


@pytest.mark.parametrize("rollout", ["blue_green", "rolling"])
def test_what_a_hook_refuses_before_the_slots_touches_no_slot(
    nginx: Fleet, chat: Chat, tmp_path: Path, rollout: str
) -> None:
    nginx.deploy(nginx.versions.fresh())
    held = nginx.ask_all(APPLICATION, "release")
    before, version = nginx.active(), nginx.versions.fresh()
    hooks = [
        command("frozen", "before_slots", "sh -c 'echo frozen until Monday; exit 1'", "ledger"),
        *chat.hooks("before_slots", "on_undo"),
    ]
    refused = nginx.run("deploy", *hooked(tmp_path, hooks), version=version, rollout=rollout)
    assert refused.code != 0
    assert f"{version} is not active: stage hook frozen at before_slots: fail: {LEDGER} failed" in refused.reason()
    assert chat.points() == [("on_undo", "", 0)]
    nginx.require_active(before["version"])
    for host, release in nginx.ask_all(APPLICATION, "release").items():
        assert release["slots"] == held[host]["slots"], host
    assert nginx.run("rollback").code == 0


def test_a_failure_after_the_end_is_a_warning(nginx: Fleet, tmp_path: Path) -> None:
    version = nginx.versions.fresh()
    hooks = [command("tell", "after_settle", "sh -c 'echo nobody listens; exit 1'")]
    done = nginx.deploy(version, *hooked(tmp_path, hooks))
    warning = f"Warning: {version} is active, but stage hook tell at after_settle: fail: localhost failed"
    assert warning in " ".join(done.output().split())


def test_hooks_longer_than_the_lease_do_not_let_it_run_out(nginx: Fleet, chat: Chat, tmp_path: Path) -> None:
    before, version = nginx.active(), nginx.versions.fresh()
    slow = [command(f"slow-{number}", "before_settle", "sleep 25", timeout=30) for number in (1, 2)]
    hooks = [*chat.hooks("after_step"), *slow]
    with nginx.traffic() as measured:
        nginx.deploy(version, "-e", ROLLING, *hooked(tmp_path, hooks), lease_seconds="46")
    measured.require_none_lost()
    assert measured.versions() == {before["version"], version}
    assert chat.points() == [
        ("after_step", "batch 1 of 3", 33),
        ("after_step", "batch 2 of 3", 66),
        ("after_step", "batch 3 of 3", 100),
    ]


def test_a_resumed_deployment_runs_no_hook_of_recorded_stages_and_an_abort_those_of_the_way_back(
    nginx: Fleet, chat: Chat, tmp_path: Path
) -> None:
    before, version = nginx.active(), nginx.versions.fresh()
    flags = hooked(tmp_path, chat.hooks(*POINTS))
    for _attempt in range(2):
        run = nginx.start("deploy", "-e", HALF_FOR_LONG, *flags, version=version)
        run.wait_for(WATCHING)
        run.kill()
        assert chat.points() == [("before_slots", "", 0), ("before_traffic", "", 0)]
        assert nginx.run("release_lease", reason="its controller was switched off").code == 0
    ended = nginx.run("abort", *flags, reason="users report errors")
    assert ended.code == 0, ended.reason()
    assert chat.points()[2:] == [("on_undo", "", 0)]
    assert chat.told[-1]["reason"].startswith("It was aborted: users report errors.")
    nginx.require_active(before["version"])
