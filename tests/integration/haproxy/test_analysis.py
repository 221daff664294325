# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What analysis reads from the statistics of a real HAProxy: the requests of each slot, across a reload."""

from __future__ import annotations

import threading
import time
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._analysis.haproxy import HAProxyStatistics
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import Moment, Reading
from ansible_collections.slipway.release.plugins.module_utils._analysis.run import Analysis, as_results, verdict
from ansible_collections.slipway.release.plugins.module_utils._analysis.sides import Sides
from ansible_collections.slipway.release.plugins.module_utils._analysis.spec import parse

from tests.integration.machine import Instance, wait_until

from .conftest import PREVIEW_PORT, Host, ask, runtime

BOTH = Sides({"stable": "blue", "canary": "green"})


def now() -> Moment:
    return Moment(0, time.time(), 5)


def requests(reading: Reading) -> dict[str, int]:
    return {side: figures["requests"] for side, figures in reading.values.items()}


def test_each_slot_s_requests_are_counted_across_a_reload(host: Host) -> None:
    source = HAProxyStatistics("shop", BOTH)
    for _number in range(7):
        ask()
    source.begin(now())
    for _number in range(20):
        assert ask()[0] == 200
    slow = threading.Thread(target=lambda: ask("/slow?ms=4000"))
    slow.start()
    time.sleep(0.3)
    host.reload()
    for _number in range(30):
        assert ask()[0] == 200
    processes = host.balancer.processes()
    assert processes is not None and processes.old_workers, "the slow request keeps the old worker"
    reading = source.measure(now())
    assert requests(reading) == {"stable": 50, "canary": 0}
    assert reading.missing
    assert reading.values["stable"]["status"]["2xx"] == 50
    assert sum(server["requests"] for server in reading.values["stable"]["servers"].values()) == 50
    slow.join()
    wait_until(lambda: not old_workers(host), 10, "the old worker ends")
    after = source.measure(now())
    assert requests(after) == {"stable": 50, "canary": 0}
    assert str(list(processes.old_workers)) in after.note, "the one that ended unseen is told"


def old_workers(host: Host) -> tuple[int, ...]:
    processes = host.balancer.processes()
    assert processes is not None
    return processes.old_workers


def test_a_slot_that_fails_is_found_and_the_other_is_not_blamed(host: Host, instances: dict[str, Instance]) -> None:
    metric: dict[str, Any] = {
        "name": "errors",
        "type": "haproxy",
        "app": "shop",
        "slots": {"stable": "blue", "canary": "green"},
        "interval": 3,
        "least_requests": 5,
        "failure_condition": "canary.error_rate > stable.error_rate + 5",
    }
    for name in ("green-app1", "green-app2"):
        instances[name].end()

    def traffic() -> None:
        time.sleep(0.5)
        for _number in range(10):
            ask()
            ask(port=PREVIEW_PORT)

    sent = threading.Thread(target=traffic)
    sent.start()
    findings = Analysis(parse([metric])).run()
    sent.join()
    assert verdict(findings) == "fail", findings
    value = findings[0].measurements[-1].value
    assert (value["stable"]["errors"], value["canary"]["errors"]) == (0, 10)
    assert value["canary"]["error_rate"] == 100


def judged(seconds: int) -> dict[str, Any]:
    """What the judge says of the traffic of some seconds; the preview's is that of the canary."""
    metric = {
        "name": "canary against stable",
        "type": "judge",
        "from": "haproxy",
        "app": "shop",
        "slots": {"stable": "blue", "canary": "green"},
        "interval": 2,
        "count": seconds // 2,
        "compare": [{"name": "errors", "kind": "errors", "harm": {"points": 20}}],
    }
    over = threading.Event()

    def traffic() -> None:
        while not over.is_set():
            ask()
            ask(port=PREVIEW_PORT)
            time.sleep(0.01)

    sent = threading.Thread(target=traffic)
    sent.start()
    (result,) = as_results(Analysis(parse([metric])).run())
    over.set()
    sent.join()
    return result


def test_the_judge_passes_what_is_alike_and_fails_what_breaks(host: Host, instances: dict[str, Instance]) -> None:
    alike = judged(6)
    assert alike["verdict"] == "pass", alike["reason"]
    counted = [look["metrics"]["errors"] for look in alike["record"]["looks"]]
    assert len(counted) == 3
    for look in counted:
        assert abs(look["stable_requests"] - look["canary_requests"]) <= 1 < look["canary_requests"]
        assert (look["stable_errors"], look["canary_errors"]) == (0, 0)
    for name in ("green-app1", "green-app2"):
        instances[name].end()
    broken = judged(6)
    assert (broken["verdict"], len(broken["measurements"])) == ("fail", 1)
    assert "errors: the canary is worse than the margin" in broken["reason"]


def test_cleared_counters_are_no_negative_requests(host: Host) -> None:
    source = HAProxyStatistics("shop", BOTH)
    for _number in range(10):
        ask()
    source.begin(now())
    runtime(host.config.socket, "clear counters all")
    for _number in range(3):
        ask()
    assert requests(source.measure(now())) == {"stable": 3, "canary": 0}
