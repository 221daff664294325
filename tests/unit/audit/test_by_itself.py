# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an agent did by itself is in the audit log, and keeps no traffic where it is when it cannot be written."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import by_itself
from ansible_collections.slipway.release.plugins.module_utils._audit.by_itself import Returns, Trail
from ansible_collections.slipway.release.plugins.module_utils._audit.left import leave
from ansible_collections.slipway.release.plugins.module_utils._audit.record import read

from .made import files, lines, log

CONTEXT = {
    "deployment": "d7",
    "token": 7,
    "environment": "lab",
    "version": "1.4.2",
    "initiator": {"user": "ann"},
}
MOVED = {"from": {"blue": 50, "green": 50}, "to": {"blue": 100, "green": 0}, "generation": 6, "reason": "it ran out"}


def option(top: Path, **more: Any) -> dict[str, Any]:
    """What a module is told of the log."""
    return {"directory": f"{top}/log", "stream": "deployments", "mask": [], "context": CONTEXT, **more}


def told(directory: Path) -> list[dict[str, Any]]:
    """The events of the agent."""
    found = [json.loads(line)["event"] for line in lines(files(directory / "log").current)]
    return [it for it in found if it["operation"] == "return"]


def returned(directory: Path, token: int = 7, **more: Any) -> list[str]:
    """Let an agent return traffic; its complaints."""
    complaints: list[str] = []
    trail = Trail(directory, complaints.append)
    trail.returned("shop", token, MOVED, **more)
    trail.end(30)
    return complaints


def test_it_says_which_deployment_lost_its_traffic_and_why(tmp_path: Path) -> None:
    leave(tmp_path, option(tmp_path))
    assert returned(tmp_path) == []
    (event,) = told(tmp_path)
    assert (event["type"], event["outcome"], event["result"]) == ("traffic", "success", "returned")
    assert (event["deployment"], event["token"], event["target"]) == ("d7", 7, "shop")
    assert (event["environment"], event["version"]) == ("lab", "1.4.2")
    assert event["initiator"] == by_itself.AGENT
    assert event["details"] == MOVED
    returns = Returns()
    for line in lines(files(tmp_path / "log").current):
        returns.take(read(line.strip()))
    assert [(it["deployment"], it["reason"], it["to"]) for it in returns.last()] == [("d7", "it ran out", MOVED["to"])]


def test_of_another_deployment_nothing_is_said_that_is_of_this_one(tmp_path: Path) -> None:
    leave(tmp_path, option(tmp_path))
    assert returned(tmp_path, token=6) == [] == returned(tmp_path, token=5, deployment="d5")
    first, second = told(tmp_path)
    assert "deployment" not in first and "version" not in first and first["token"] == 6
    assert (second["deployment"], second["token"]) == ("d5", 5)


def test_what_the_operator_hides_is_hidden(tmp_path: Path) -> None:
    leave(tmp_path, option(tmp_path, mask=["details.reason"], values=["s3cret-value"]))
    returned(tmp_path)
    assert told(tmp_path)[0]["details"]["reason"] == "********"
    left = (tmp_path / "audit.json").read_text(encoding="utf-8")
    assert "s3cret-value" not in left and "ann" not in left
    assert (tmp_path / "audit.json").stat().st_mode & 0o777 == 0o600


def test_what_the_log_would_have_an_hmac_of_is_masked_since_an_agent_has_no_key(tmp_path: Path) -> None:
    hidden = {"hash": ["version"], "hash_key": "k3y-of-sixteen-bytes", "patterns": ["ran .*"]}
    leave(tmp_path, option(tmp_path, **hidden))
    returned(tmp_path)
    (event,) = told(tmp_path)
    assert (event["version"], event["details"]["reason"]) == ("********", "it ********")
    assert "k3y" not in (tmp_path / "audit.json").read_text(encoding="utf-8")
    leave(tmp_path, option(tmp_path, level="metadata"))
    returned(tmp_path)
    assert "details" not in told(tmp_path)[1]


def test_nothing_is_written_where_nothing_is_audited(tmp_path: Path) -> None:
    assert returned(tmp_path) == []
    leave(tmp_path, option(tmp_path))
    leave(tmp_path, None)
    assert returned(tmp_path) == [] and not (tmp_path / "log").exists()


def test_what_is_the_same_is_left_alone(tmp_path: Path) -> None:
    leave(tmp_path, option(tmp_path))
    before = (tmp_path / "audit.json").stat().st_ino
    leave(tmp_path, option(tmp_path))
    assert (tmp_path / "audit.json").stat().st_ino == before


@pytest.mark.parametrize("broken", ["directory", "file", "schema", "json"])
def test_what_cannot_be_written_is_only_said(tmp_path: Path, broken: str) -> None:
    leave(tmp_path, option(tmp_path, **({"directory": "/dev/null/log"} if broken == "directory" else {})))
    if broken == "file":
        (tmp_path / "audit.json").unlink()
        (tmp_path / "audit.json").mkdir()
    if broken in ("schema", "json"):
        text = '{"schema": 99}' if broken == "schema" else "{"
        (tmp_path / "audit.json").write_text(text, encoding="utf-8")
    (complaint,) = returned(tmp_path)
    assert "the audit log does not have the return of the traffic" in complaint


def test_the_agent_goes_on_while_the_disk_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, written = threading.Event(), log(tmp_path / "log")
    append = by_itself.Log.append

    def slow(self: Any, events: Any) -> Any:
        assert hangs.wait(30)
        return append(self, events)

    monkeypatch.setattr(by_itself.Log, "append", slow)
    leave(tmp_path, option(tmp_path))
    trail = Trail(tmp_path, pytest.fail)
    trail.returned("shop", 7, MOVED)
    assert not written.files.current.exists(), "who returned the traffic has waited for it"
    hangs.set()
    trail.end(30)
    assert len(told(tmp_path)) == 1
