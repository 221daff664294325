#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send traffic for a stated time and count the requests that are lost. Touches the network only."""

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_meter
short_description: Send traffic for a stated time and count the requests that are lost
version_added: 0.1.0
description:
  - Sends requests by schedule, whether or not earlier ones were answered, from the host that the task runs on.
  - No request is ever repeated. Latencies count from the time at which a request should have been sent.
  - Every request that was refused, reset, timed out, answered with another status than 2xx, or answered incompletely
    is lost, and is counted by class and kind. A request on a kept connection that the server closes without an answer
    is lost too; a connection closed while no request was on it is opened again and counted apart.
  - What the meter itself could not send on time is reported as C(late) and C(not_sent) and makes the verdict
    V(insufficient), so that its own overload never looks like a pass.
  - Slow requests ask for C(/slow?ms=N), long-lived ones for C(/stream?seconds=N) and C(/websocket).
author:
  - The slipway.release developers (@slipway)
options:
  url:
    description:
      - What to ask for, C(http://host[:port][/path]). The name is resolved once.
      - Addresses that are neither loopback, private nor link-local are refused, see O(allow_public).
    type: str
    required: true
  duration:
    description: Seconds during which requests are started, 0.1 to 86400.
    type: float
    required: true
  rate:
    description: Requests a second on kept and on new connections together, 0 to 20000.
    type: float
    default: 100
  keepalive_share:
    description: Share of these, 0 to 1, on kept connections. The others open one connection each.
    type: float
    default: 0.5
  connections:
    description: How many connections are kept.
    type: int
    default: 20
  slow:
    description: How many slow requests are always in flight.
    type: int
    default: 0
  slow_ms:
    description: Milliseconds that the server is asked to take for a slow request.
    type: int
    default: 500
  long:
    description: How many long-lived requests are always open, streams and websockets in turn.
    type: int
    default: 0
  long_seconds:
    description: Agreed length of a long-lived request, in seconds. One that ends earlier is lost.
    type: int
    default: 10
  timeout:
    description: Seconds after which an answer, or the next piece of a long-lived one, is lost.
    type: float
    default: 10
  sticky:
    description: Where each request carries a random key, V(cookie:NAME) or V(header:NAME). Empty for nowhere.
    type: str
    default: ""
  users:
    description: Number of different keys. V(0) is a new one with each request.
    type: int
    default: 0
  seed:
    description: Makes the keys the same in each run. Left out, they differ.
    type: int
  host:
    description: Host header. Empty for the one in O(url).
    type: str
    default: ""
  allow_public:
    description: Also accept a public address. Load only what is yours.
    type: bool
    default: false
  max_lost:
    description: How many requests may be lost.
    type: int
    default: 0
  fail:
    description: Whether any other verdict than V(pass) fails the task.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Options are validated, nothing is sent. The verdict is V(insufficient), which does not fail the task.
  diff_mode:
    support: none
    description: Nothing is changed.
  idempotent:
    support: full
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Count lost requests for half a minute, as users with a sticky cookie
  slipway.release.traffic_meter:
    url: http://10.0.0.10/
    duration: 30
    rate: 500
    slow: 20
    long: 10
    sticky: cookie:slipway

- name: Measure without failing, and say what was lost
  slipway.release.traffic_meter:
    url: http://10.0.0.10/
    duration: 5
    fail: false
  register: traffic

- name: Show the losses
  ansible.builtin.debug:
    var: traffic.summary.total.lost_by
"""

RETURN = r"""
verdict:
  description:
    - V(pass) when at most O(max_lost) requests were lost.
    - V(insufficient) when none was answered, one could not be sent, or more than one in a hundred were sent late.
  returned: always
  type: str
  sample: pass
reason:
  description: The verdict in one sentence.
  returned: always
  type: str
  sample: 0 of 15000 requests lost
summary:
  description:
    - What was counted. Times are whole microseconds since the start of the run, which is in C(started).
    - Empty in check mode.
  returned: always
  type: dict
  contains:
    started:
      description: Start of the run on CLOCK_BOOTTIME in microseconds, and as Unix time in milliseconds.
      type: dict
      sample: {boottime_us: 1737671265, unix_ms: 1795247742118}
    elapsed_us:
      description: Length of the run, waiting for the last answers included.
      type: int
      sample: 30502078
    ended_by:
      description: What ended the run.
      type: str
      sample: duration
    total:
      description: Counts, losses by kind, latencies, statuses, and who answered when, of all classes together.
      type: dict
      sample:
        scheduled: 15000
        sent: 15000
        ok: 14999
        lost: 1
        lost_by: {refused: 0, reset: 1, timeout: 0, status: 0, truncated: 0}
        lost_on_reused: 1
        unfinished: 0
        not_sent: 0
        late: 0
        worst_lateness_us: 5488
        latency_us: {p50: 703, p95: 1369, p99: 2145, max: 8036}
        statuses: {"200": 14999}
        answered_by:
          - {version: 1.4.2, slot: blue, answers: 14999, first_us: 1049, last_us: 29999655, last_start_us: 29998355}
    classes:
      description: The same for each of the classes C(keepalive), C(new), C(slow) and C(long).
      type: dict
      sample: {}
    connections:
      description: Connections opened, closed by the server while idle, and closed because enough were kept.
      type: dict
      sample: {opened: 7520, idle_closed: 0, overflow: 0}
    instances:
      description: Answers by instance.
      type: dict
      sample: {blue-app1: 7499, blue-app2: 7500}
    changes:
      description: When the classes C(keepalive) and C(new) were answered by another version or slot than just before.
      type: list
      elements: dict
      sample: [{at_us: 1049, version: 1.4.2, slot: blue}]
    changes_left_off:
      description: Changes after the first thousand, which are not listed.
      type: int
      sample: 0
    seconds:
      description: Requests ended, lost and answered by whom, by the second in which they should have been sent.
      type: list
      elements: dict
      sample: [{second: 0, ended: 500, lost: 0, answered_by: {1.4.2 blue: 500}}]
"""

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._meter.meter import Meter
from ansible_collections.slipway.release.plugins.module_utils._meter.options import Options
from ansible_collections.slipway.release.plugins.module_utils._meter.verdict import INSUFFICIENT, PASS, judge
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule

ARGUMENTS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True},
    "duration": {"type": "float", "required": True},
    "rate": {"type": "float", "default": 100},
    "keepalive_share": {"type": "float", "default": 0.5},
    "connections": {"type": "int", "default": 20},
    "slow": {"type": "int", "default": 0},
    "slow_ms": {"type": "int", "default": 500},
    "long": {"type": "int", "default": 0},
    "long_seconds": {"type": "int", "default": 10},
    "timeout": {"type": "float", "default": 10},
    "sticky": {"type": "str", "default": ""},
    "users": {"type": "int", "default": 0},
    "seed": {"type": "int"},
    "host": {"type": "str", "default": ""},
    "allow_public": {"type": "bool", "default": False},
    "max_lost": {"type": "int", "default": 0},
    "fail": {"type": "bool", "default": True},
}


def measure(parameters: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Run the meter, or in check mode only validate, and judge."""
    chosen = dict(parameters)
    max_lost = chosen.pop("max_lost")
    del chosen["fail"]
    meter = Meter(Options(**chosen))
    if check_mode:
        return {"verdict": INSUFFICIENT, "reason": "check mode: nothing was sent", "summary": {}}
    summary = meter.run()
    verdict, reason = judge(summary, max_lost)
    return {"verdict": verdict, "reason": reason, "summary": summary}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = measure(module.params, check_mode=module.check_mode)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    if result["verdict"] != PASS and module.params["fail"] and not module.check_mode:
        module.fail_json(msg=f"The verdict is {result['verdict']}: {result['reason']}.", changed=False, **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
