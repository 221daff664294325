#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one hook of a deployment, once. Touches what its command or URL touches."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hook_run
short_description: Run a command or call a URL as a hook of a deployment
version_added: 0.1.0
description:
  - Runs O(command), or posts a JSON document to O(url), once, from the host that the task runs on. It is never tried
    again.
  - A command succeeds with exit status 0, a URL with an answer of 200 to 299. Anything else fails the task, with the
    status and the last lines of the output, at most 10 of at most 200 characters.
  - A command gets each of O(facts) as an environment variable, C(app) as C(SLIPWAY_APP), beside the environment that
    modules have there. It has no standard input, and nothing that it leaves running in its process group outlives it.
  - Values of headers, and what follows the host in a URL, are shown nowhere.
extends_documentation_fragment: slipway.release.audit
options:
  name:
    description: Name of the hook, for people.
    type: str
    required: true
  command:
    description:
      - Program with its arguments, split as a shell does it and run without one. For pipes and variables,
        C(sh -c '...').
      - Exactly one of this and O(url) is required.
    type: str
  url:
    description: URL of HTTP or HTTPS that O(facts) are posted to. Redirects are not followed and no proxy is used.
    type: str
  headers:
    description: More headers for O(url). C(Content-Type) is V(application/json) unless it is among them.
    type: dict
    default: {}
  facts:
    description: What the hook is told, as the filter P(slipway.release.hook_facts#filter) gives it.
    type: dict
    default: {}
  timeout:
    description: Seconds after which the command is killed with everything that it has started, or the call is given up.
    type: int
    default: 60
attributes:
  check_mode:
    description: Can run in check mode and say what would be run.
    support: full
  diff_mode:
    description: Returns details on what has changed.
    support: none
    details: Only the hook knows what it changes.
  idempotent:
    description: Running it again gives the same result.
    support: none
    details: That is up to the hook.
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.deployment_plan
"""

EXAMPLES = r"""
- name: Warm the caches of the spare slot
  slipway.release.hook_run:
    name: warm
    command: /usr/local/bin/warm-caches --all
    facts: {slot: green, version: "1.4.2"}
    timeout: 30

- name: Tell a chat
  slipway.release.hook_run:
    name: tell
    url: https://chat.example/hooks/deployments
    headers: {Authorization: "Bearer {{ chat_token }}"}
    facts: {app: shop, version: "1.4.2"}
  delegate_to: localhost
"""

RETURN = r"""
verdict:
  description: V(pass), V(fail), or V(insufficient) in check mode, where nothing was run.
  type: str
  returned: always
  sample: pass
msg:
  description: How it ended, with the last lines of its output when it failed; in check mode what would be run.
  type: str
  returned: always
  sample: "exit status 3; its last lines: the cache does not answer"
status:
  description: Exit status or status code; null where it came to none, as when it was killed.
  type: int
  returned: when it was run
  sample: 3
output:
  description: The last lines of what a command has printed, or of an answer that was no success.
  type: list
  elements: str
  returned: when it was run
  sample: [the cache does not answer]
from:
  description: Name of the host that ran it.
  type: str
  returned: when it was run
  sample: app1
elapsed_ms:
  description: Milliseconds that it took.
  type: int
  returned: when it was run
  sample: 412
audit:
  description: Where the audit log ends.
  returned: when O(audit) is given and something was written to it
  type: dict
  sample: {stream: deployments, segment: 1, seq: 1204, hash: 9f86d0…}
"""

import platform
import time
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.operation import AUDIT, auditor_of
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._hooks.model import Outcome
from ansible_collections.slipway.release.plugins.module_utils._hooks.spec import parse
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "command": {"type": "str"},
    "url": {"type": "str", "no_log": True},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "facts": {"type": "dict", "default": {}},
    "timeout": {"type": "int", "default": 60},
    "audit": AUDIT,
}


def run(module: AnsibleModule) -> tuple[dict[str, Any], bool]:
    """The result, and whether the hook failed."""
    action = parse(module.params, f"hook {module.params['name']}")
    if module.check_mode:
        said = f"would run {action.shown()}, for at most {module.params['timeout']} s"
        return {"changed": True, "verdict": "insufficient", "msg": said}, False
    began = time.monotonic()
    audit = auditor_of(module)
    with audit.operation("hook", "run", target=module.params["name"]) as act:
        outcome = action.run(module.params["facts"], module.params["timeout"])
        act.result, act.failed = ("pass", False) if outcome.ok else ("fail", True)
        act.details = {"status": outcome.status}
    elapsed = int((time.monotonic() - began) * 1000)
    return {**_result(outcome), "elapsed_ms": elapsed, **audit.as_result()}, not outcome.ok


def _result(outcome: Outcome) -> dict[str, Any]:
    return {
        "changed": True,
        "verdict": "pass" if outcome.ok else "fail",
        "msg": outcome.message(),
        "status": outcome.status,
        "output": outcome.output,
        "from": platform.node(),
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        mutually_exclusive=[("command", "url")],
        required_one_of=[("command", "url")],
        supports_check_mode=True,
    )
    try:
        result, failed = run(module)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    if failed:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
