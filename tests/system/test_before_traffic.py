# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a new slot before it has traffic: commands as smoke checks, and metrics from the preview address."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.system.fleet import BALANCERS, Fleet

PREVIEW_PORTS = {"nginx": 8480, "haproxy": 8481}
SEEN = "/tmp/smoke-seen"
TELLS = f"""sh -c 'echo "$SLIPWAY_URL $(curl --silent "$SLIPWAY_URL/plain")" >> {SEEN}'"""


def metric(fleet: Fleet, condition: str) -> dict[str, Any]:
    """A figure of the instance that answers at the preview address."""
    url = f"http://127.0.0.1:{PREVIEW_PORTS[fleet.balancer]}/health"
    return {"name": "uptime", "type": "http_json", "url": url, "path": "uptime_seconds", "success_condition": condition}


def test_a_command_is_told_the_preview_address_before_and_the_public_one_after(fleet: Fleet) -> None:
    for host in BALANCERS:
        fleet.inside(host, "rm", "-f", SEEN)
    before, version = fleet.active(), fleet.versions.fresh()
    given = {
        "slipway_smoke_checks": [{"command": TELLS}, {"command": "false", "where": "public"}],
        "slipway_pre_analysis": [metric(fleet, "result >= 0")],
    }
    done = fleet.run("deploy", "-e", json.dumps(given), version=version)
    assert done.code != 0
    assert "smoke check 2, command for port" in done.reason(), done.reason()
    assert "public address at switch" in done.reason(), done.reason()
    fleet.require_active(before["version"])
    for host in BALANCERS:
        seen = [line.split()[:2] for line in fleet.inside(host, "cat", SEEN).splitlines()]
        assert [release for _url, release in seen] == [version, version], seen
        assert [url == f"http://127.0.0.1:{PREVIEW_PORTS[fleet.balancer]}" for url, _release in seen] == [True, False]


@pytest.mark.parametrize(
    ("condition", "word"), [("result < 0", "failed once"), ("result.nothing < 0", "could not be measured")]
)
def test_a_metric_that_does_not_pass_keeps_the_traffic_where_it_is(nginx: Fleet, condition: str, word: str) -> None:
    before, version = nginx.active(), nginx.versions.fresh()
    given = {"slipway_pre_analysis": [{**metric(nginx, condition), "consecutive_error_limit": 0}]}
    with nginx.traffic() as measured:
        done = nginx.run("deploy", "-e", json.dumps(given), version=version)
    assert done.code != 0
    assert "pre-analysis" in done.reason() and word in done.reason(), done.reason()
    measured.require_none_lost()
    assert measured.versions() == {before["version"]}
    nginx.require_active(before["version"])


def test_what_waited_for_an_approval_is_measured_again_before_the_traffic_moves(nginx: Fleet) -> None:
    before, version = nginx.active(), nginx.versions.fresh()
    given = {"slipway_approvals": ["before_traffic"], "slipway_pre_analysis": [metric(nginx, "result >= 0")]}
    parked = nginx.run("deploy", "-e", json.dumps(given), version=version)
    assert parked.code == 0 and "is parked at before_traffic" in " ".join(parked.output().split()), parked.reason()
    approved = nginx.run("approve", "-e", '{"slipway_self_approval": true}', reason="the slots look good")
    assert approved.code == 0, approved.reason()
    given["slipway_pre_analysis"] = [metric(nginx, "result < 0")]
    done = nginx.run("deploy", "-e", json.dumps(given), version=version)
    assert done.code != 0
    assert "pre-analysis" in done.reason(), done.reason()
    nginx.require_active(before["version"])
