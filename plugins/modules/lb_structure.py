#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the configuration of a balancer. Touches the files it is given, /etc/slipway/balancer/<app>.json, the lock
/var/lib/slipway/structure and the running balancer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lb_structure
short_description: Install the configuration of a balancer and read it back
version_added: 0.1.0
description:
  - Lets the balancer judge a copy of its whole configuration with the new files in it, replaces the files, loads them,
    and waits until the running balancer answers with the digest of exactly these files and no process works with the
    old ones.
  - When that fails the old files are put back and loaded again, so that a later reload or boot is safe.
  - Loads only when a file differs or the running balancer answers with another digest, so a run that was killed is
    completed by the next one. Traffic is moved with M(slipway.release.lb_switch), which needs no load.
  - Refuses to forget a peer in O(config.agent.peers) whose agent answers that it is open, since nobody would switch it
    any more. Stop its keepalived, if there is one, and close it with O(slipway.release.lb_switch#module:open=false).
extends_documentation_fragment: slipway.release.audit
author:
  - The slipway.release developers (@slipway)
attributes:
  check_mode:
    description: Lets the balancer judge the copy; changes nothing.
    support: full
  diff_mode:
    description: Shows the files that change.
    support: full
  idempotent:
    description: Changes nothing when the files are in place and in use.
    support: full
options:
  config:
    description:
      - Ports, servers, stickiness and health of the application on this balancer, as written to
        C(/etc/slipway/balancer/<app>.json).
    type: dict
    required: true
    suboptions:
      schema:
        description: Version of this form.
        type: int
        required: true
      app:
        description: Name of the application.
        type: str
        required: true
      kind:
        description: Program that balances.
        type: str
        required: true
        choices: [nginx, haproxy]
      servers:
        description: Slot, then inventory name, to C(address:port).
        type: dict
        required: true
      port:
        description: Port of the public address.
        type: int
        default: 80
      preview_port:
        description: Port of the preview address.
        type: int
        default: 8480
      server_names:
        description: Host names to answer to; V(_) is any.
        type: list
        elements: str
        default: [_]
      sticky:
        description: What keeps a user in one slot; by default the cookie C(slipway).
        type: dict
        suboptions:
          by:
            description: What identifies a user.
            type: str
            required: true
            choices: [cookie, header, address, request]
          name:
            description: Name of the cookie or the header.
            type: str
            default: ""
      match:
        description:
          - What marks a request as a tester's or as one of a user segment; one entry is enough.
          - Such requests go to the slot that is not stable while M(slipway.release.lb_switch) has opened the override.
        type: list
        elements: dict
        default: []
        suboptions:
          header:
            description: Name of a header. Either this or O(config.match[].cookie).
            type: str
            default: ""
          cookie:
            description: Name of a cookie.
            type: str
            default: ""
          values:
            description: The whole value must be one of these, in exactly this spelling.
            type: list
            elements: str
            required: true
      health:
        description: How an instance is asked whether it is ready.
        type: dict
        suboptions:
          path:
            description: Path that answers 2xx when it is.
            type: str
            default: /health/ready
          interval:
            description: Seconds between two checks.
            type: int
            default: 1
          timeout:
            description: Seconds that a check may take.
            type: int
            default: 1
          fall:
            description: Failed checks in a row that take an instance out.
            type: int
            default: 2
          rise:
            description: Good checks in a row that bring it back.
            type: int
            default: 2
      agent:
        description: Where this host's agent listens, and the other balancers' agents.
        type: dict
        suboptions:
          address:
            description: Address to listen on.
            type: str
            default: 127.0.0.1
          port:
            description: Port to listen on.
            type: int
            default: 8470
          peers:
            description: C(address:port) of each other agent.
            type: list
            elements: str
            default: []
          solo_open_after:
            description: Seconds after which a balancer that reaches no peer opens by itself.
            type: int
            default: 60
      status_port:
        description: Loopback port on which nginx answers what it does.
        type: int
        default: 8471
      socket:
        description: Admin socket of HAProxy.
        type: path
        default: /run/haproxy/slipway.sock
  files:
    description:
      - Files in the order in which they are replaced. C(@STRUCTURE@) in their content becomes the digest of them all;
        the running balancer must answer it.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: Content.
        type: str
        required: true
  absent:
    description: Files and links that must not exist, because they are in conflict with O(files).
    type: list
    elements: path
    default: []
  deadline:
    description: Seconds that the running balancer may take to use the new files.
    type: int
    default: 10
seealso:
  - module: slipway.release.lb_switch
"""

EXAMPLES = r"""
- name: Serve two slots
  slipway.release.lb_structure:
    config:
      schema: 1
      app: shop
      kind: nginx
      servers:
        blue: {app1: "192.0.2.21:8081"}
        green: {app1: "192.0.2.21:8082"}
    files:
      - path: /etc/nginx/conf.d/slipway-shop.conf
        content: "{{ lookup('ansible.builtin.template', 'shop.conf.j2') }}"
  become: true
"""

RETURN = r"""
structure:
  description: Digest of the files, which the running balancer answers.
  returned: success
  type: str
  sample: 5f0c1a77be09d312
steps:
  description: What was done and how long it took; nothing when nothing changed.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the step.
      type: str
      sample: load
    elapsed_us:
      description: Microseconds.
      type: int
      sample: 160320
audit:
  description: Where the audit log ends.
  returned: when O(audit) is given and something was written to it
  type: dict
  sample: {stream: deployments, segment: 1, seq: 1204, hash: 9f86d0…}
"""

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._agent.departed import refuse_serving
from ansible_collections.slipway.release.plugins.module_utils._audit.operation import (
    AUDIT,
    UNCHANGED,
    Auditor,
    auditor_of,
)
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import DIRECTORY, BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.factory import service
from ansible_collections.slipway.release.plugins.module_utils._balancer.structure import Structure, install
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError

STICKY: dict[str, dict[str, Any]] = {
    "by": {"type": "str", "required": True, "choices": ["cookie", "header", "address", "request"]},
    "name": {"type": "str", "default": ""},
}
MATCH: dict[str, dict[str, Any]] = {
    "header": {"type": "str", "default": ""},
    "cookie": {"type": "str", "default": ""},
    "values": {"type": "list", "elements": "str", "required": True},
}
HEALTH: dict[str, dict[str, Any]] = {
    "path": {"type": "str", "default": "/health/ready"},
    "interval": {"type": "int", "default": 1},
    "timeout": {"type": "int", "default": 1},
    "fall": {"type": "int", "default": 2},
    "rise": {"type": "int", "default": 2},
}
AGENT: dict[str, dict[str, Any]] = {
    "address": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 8470},
    "peers": {"type": "list", "elements": "str", "default": []},
    "solo_open_after": {"type": "int", "default": 60},
}
CONFIG: dict[str, dict[str, Any]] = {
    "schema": {"type": "int", "required": True},
    "app": {"type": "str", "required": True},
    "kind": {"type": "str", "required": True, "choices": ["nginx", "haproxy"]},
    "servers": {"type": "dict", "required": True},
    "port": {"type": "int", "default": 80},
    "preview_port": {"type": "int", "default": 8480},
    "server_names": {"type": "list", "elements": "str", "default": ["_"]},
    "sticky": {"type": "dict", "options": STICKY},
    "match": {"type": "list", "elements": "dict", "default": [], "options": MATCH},
    "health": {"type": "dict", "options": HEALTH},
    "agent": {"type": "dict", "options": AGENT},
    "status_port": {"type": "int", "default": 8471},
    "socket": {"type": "path", "default": "/run/haproxy/slipway.sock"},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "config": {"type": "dict", "required": True, "options": CONFIG},
    "files": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"path": {"type": "path", "required": True}, "content": {"type": "str", "required": True}},
    },
    "absent": {"type": "list", "elements": "path", "default": []},
    "deadline": {"type": "int", "default": 10},
    "audit": AUDIT,
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        audit = auditor_of(module)
        result = run(module.params, module.check_mode, audit)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    module.exit_json(**result)


def run(params: dict[str, Any], check_mode: bool, audit: Auditor) -> dict[str, Any]:
    """Install, and describe what was done."""
    given = {name: value for name, value in params["config"].items() if value is not None}
    config = BalancerConfig.from_dict(given, where="config")
    recorded = DIRECTORY / f"{config.app}.json"
    if recorded.exists():
        refuse_serving(BalancerConfig.load(config.app), config)
    files = {Path(item["path"]): item["content"] for item in params["files"]}
    files[recorded] = json.dumps(config.to_dict(), indent=1, sort_keys=True) + "\n"
    structure = Structure(files, tuple(Path(path) for path in params["absent"]))
    with audit.operation("setup", "lb_structure", target=config.app) as act:
        done = install(service(config), structure, check=check_mode, deadline=params["deadline"])
        act.result = "changed" if done.changed else UNCHANGED
        act.details = {"files": sorted(done.before)}
    return {
        "changed": done.changed,
        "structure": done.structure,
        "steps": done.steps,
        "diff": [
            {"before_header": path, "after_header": path, "before": done.before[path], "after": done.after[path]}
            for path in sorted(done.before)
        ],
        **audit.as_result(),
    }


if __name__ == "__main__":
    main()
