#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run many checks at once and give one verdict. Touches nothing but what the checks themselves touch."""

from __future__ import annotations

DOCUMENTATION = r"""
module: health_gate
short_description: Run many checks at once and give one verdict
version_added: 0.1.0
description:
  - Runs all checks at the same time, from the host that the task runs on, until each is decided.
  - A check passes after a number of consecutive good answers, so an endpoint that flaps does not pass.
  - The verdict is V(pass) when every check passed, V(fail) when one failed, and V(insufficient) when nothing is known,
    because no attempt could be made or because there was no check. No data is never a pass.
  - Use C(delegate_to) to look from a balancer or from the controller.
requirements:
  - psycopg2 on the host that runs the task, for checks of type V(sql) only
author:
  - The slipway.release developers (@slipway)
options:
  checks:
    description:
      - What to check. Every attempt uses a fresh connection or process.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the check, unique in the call.
        type: str
        required: true
      type:
        description: What kind of question is asked.
        type: str
        required: true
        choices: [http, tcp, command, unit, sql]
      budget_ms:
        description: Milliseconds that an answer may take; a slower one is a failed attempt. V(0) is no budget.
        type: int
        default: 0
      timeout:
        description: Seconds after which an attempt is given up.
        type: int
        default: 1
      interval:
        description: Seconds from the end of one attempt to the start of the next. V(0) is 50 milliseconds.
        type: int
        default: 1
      successes:
        description: Consecutive good answers that make a pass.
        type: int
        default: 3
      startup:
        description: Seconds from the start in which failures do not count towards O(checks[].failures).
        type: int
        default: 0
      deadline:
        description: Seconds from the start after which a check that has not passed has failed.
        type: int
        default: 60
      failures:
        description:
          - Consecutive failures after O(checks[].startup) that end the check before its deadline.
          - V(0) goes on until the deadline.
        type: int
        default: 0
      url:
        description: For V(http), what to ask for. Redirects are not followed and no proxy is used.
        type: str
      method:
        description: For V(http), the method; V(GET) when not given.
        type: str
        choices: [GET, HEAD, OPTIONS, POST]
      headers:
        description: For V(http), headers to send, none of them secret.
        type: dict
      secret_headers:
        description: For V(http), headers to send whose values never appear in output.
        type: dict
      host:
        description: For V(http), the header C(Host), when it is not the one of the URL.
        type: str
      address:
        description:
          - For V(tcp), the C(host:port) that must accept a connection.
          - For V(http), the C(host:port) to connect to in place of the one of the URL.
        type: str
      status:
        description: For V(http), accepted status codes; any of 200 to 299 when not given.
        type: list
        elements: int
      body:
        description: For V(http), text that the body must contain.
        type: str
      body_regex:
        description: For V(http), regular expression that must be found in the body.
        type: str
      json:
        description:
          - For V(http), expected values by path in a body of JSON, such as C(checks[0].status).
        type: dict
      response_headers:
        description: For V(http), exact values of headers of the answer.
        type: dict
      tls:
        description: For V(http) with an https URL, how the server proves who it is.
        type: dict
        suboptions:
          verify:
            description: Check the certificate and its name.
            type: bool
            default: true
          ca:
            description: File with the certificates to trust, in place of those of the system.
            type: path
          server_name:
            description: Name to ask for and to check, in place of the host of the URL.
            type: str
          min_days:
            description: Days that the certificate must still be valid.
            type: int
            default: 0
      argv:
        description: For V(command), program and arguments. No shell is used.
        type: list
        elements: str
      rc:
        description: For V(command), accepted exit statuses; only 0 when not given.
        type: list
        elements: int
      stdout:
        description: For V(command), text that standard output must contain.
        type: str
      unit:
        description:
          - For V(unit), the systemd unit that must be active, with its suffix.
          - A unit that was restarted between two attempts has failed the second one.
        type: str
      dsn:
        description: For V(sql), connection string of PostgreSQL. Never part of any output.
        type: str
      query:
        description: For V(sql), one statement, run read-only, that must return a row.
        type: str
      expect:
        description: For V(sql), the first value of the first row, as text; any when not given.
        type: str
  fail_fast:
    description: End the gate as soon as one check has failed; the others are then V(insufficient).
    type: bool
    default: false
  fail:
    description: Fail the task when the verdict is not V(pass).
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Options are validated and the checks are listed; nothing is asked, so the verdict is V(insufficient),
      which does not fail the task.
  diff_mode:
    support: none
    description: Nothing is changed.
  idempotent:
    support: full
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: The instance in the spare slot is ready
  slipway.release.health_gate:
    checks:
      - name: ready
        type: http
        url: http://127.0.0.1:8082/health/ready
        budget_ms: 500
        successes: 3
        startup: 20
        deadline: 150
        json:
          release: 1.4.2
      - name: unit
        type: unit
        unit: slipway-shop-web@green.service

- name: The certificate of the site lasts another three weeks
  slipway.release.health_gate:
    checks:
      - name: certificate
        type: http
        url: https://shop.example/
        tls:
          min_days: 21
  delegate_to: localhost

- name: The database takes writes
  slipway.release.health_gate:
    checks:
      - name: primary
        type: sql
        dsn: "{{ shop_dsn }}"
        query: SELECT pg_is_in_recovery()
        expect: "False"
"""

RETURN = r"""
verdict:
  description: The verdict of all checks together.
  returned: always, unless the options are refused
  type: str
  sample: pass
from:
  description: The host that the checks were made from.
  returned: always, unless the options are refused
  type: str
  sample: lb1
elapsed_ms:
  description: Milliseconds that the gate took.
  returned: always, unless the options are refused
  type: int
  sample: 2104
checks:
  description: The finding of every check, in the order of the option.
  returned: always, unless the options are refused
  type: list
  elements: dict
  contains:
    name:
      description: Name of the check.
      type: str
      sample: ready
    type:
      description: Kind of the check.
      type: str
      sample: http
    target:
      description: What was asked.
      type: str
      sample: GET http://127.0.0.1:8082/health/ready
    verdict:
      description: V(pass), V(fail) or V(insufficient).
      type: str
      sample: pass
    reason:
      description: What decided.
      type: str
      sample: 3 consecutive good answers
    attempts_made:
      description: Number of attempts.
      type: int
      sample: 3
    attempts:
      description: The attempts; of more than 50 the first 10 and the last 40.
      type: list
      elements: dict
      sample: [{at_ms: 0, ok: true, latency_ms: 4, detail: ""}]
    latency_ms:
      description: Durations of the attempts in milliseconds; null when none could be made.
      type: dict
      sample: {min: 3, p50: 4, p95: 6, max: 6}
"""

import platform
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._gate.arguments import CHECK
from ansible_collections.slipway.release.plugins.module_utils._gate.model import INSUFFICIENT, PASS, Check, Finding
from ansible_collections.slipway.release.plugins.module_utils._gate.run import Gate, as_results, verdict
from ansible_collections.slipway.release.plugins.module_utils._gate.spec import credentials, parse

ARGUMENTS = {
    "checks": {"type": "list", "elements": "dict", "required": True, "options": CHECK},
    "fail_fast": {"type": "bool", "default": False},
    "fail": {"type": "bool", "default": True},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Parse, ask, and put the result together."""
    module.no_log_values.update(credentials(module.params["checks"]))
    checks = parse(module.params["checks"])
    began = time.monotonic()
    findings = _foreseen(checks) if module.check_mode else Gate(checks, fail_fast=module.params["fail_fast"]).run()
    return {
        "changed": False,
        "verdict": verdict(findings),
        "from": platform.node(),
        "elapsed_ms": int((time.monotonic() - began) * 1000),
        "checks": as_results(findings),
    }


def _foreseen(checks: list[Check]) -> list[Finding]:
    return [Finding(check, INSUFFICIENT, "check mode: would be asked") for check in checks]


def _explained(result: dict[str, Any]) -> str:
    """One line for the operator: every check that did not pass, and why."""
    open_checks = [f"{one['name']}: {one['reason']}" for one in result["checks"] if one["verdict"] != PASS]
    return f"The verdict is {result['verdict']}. " + ("; ".join(open_checks) or "There was nothing to check") + "."


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    if result["verdict"] != PASS and module.params["fail"] and not module.check_mode:
        module.fail_json(msg=_explained(result), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
