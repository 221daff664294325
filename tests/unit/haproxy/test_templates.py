# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in HAProxy's configuration whatever the operator has chosen."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig

from tests.integration.haproxy.render import render

ROLE = Path(__file__).resolve().parents[3] / "roles" / "balancer"
STICKY = [{"by": "cookie", "name": "slipway"}, {"by": "header", "name": "X-User"}, {"by": "address"}, {"by": "request"}]
MANY = [{"header": "X-Segment", "values": [f"{number:03d}{'a' * 61}" for number in range(100)]}]
NAMES = [["_"], ["shop.example", "*.shop.example"]]
CHOICES = [{"sticky": sticky, "server_names": names} for sticky, names in product(STICKY, NAMES)]
CONTENT: dict[str, Any] = {
    "schema": 1,
    "app": "web-shop",
    "kind": "haproxy",
    "servers": {"blue": {"app1": "10.0.0.1:8081"}, "green": {"app1": "10.0.0.1:8082"}},
}


def rendered(**choice: Any) -> dict[str, str]:
    """The role's templates with its own defaults and these choices."""
    defaults = yaml.safe_load((ROLE / "defaults" / "main" / "haproxy.yml").read_text(encoding="utf-8"))
    sticky = {"name": "", **choice.pop("sticky")}
    variables = {
        **defaults,
        "ansible_managed": "Ansible managed",
        "balancer_config": {**BalancerConfig.from_dict(CONTENT).to_dict(), "sticky": sticky, **choice},
        "balancer_structure_digest": "0123456789abcdef",
        "balancer_state_directory": "/var/lib/slipway/balancer",
        "balancer_run_directory": "/run/slipway/balancer",
    }
    return render(str(ROLE / "templates"), variables)


def sections(text: str) -> dict[str, str]:
    """The text of each section by its first line."""
    parts = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)
    return {part.partition("\n")[0]: part for part in parts}


@pytest.mark.parametrize("choice", CHOICES)
def test_idle_connections_are_closed_with_an_answer_on_every_listener(choice: dict[str, Any]) -> None:
    """Without the option a reload loses the requests that meet the close."""
    found = sections(rendered(**choice)["haproxy.cfg.j2"])
    assert "    option idle-close-on-response\n" in found["defaults slipway-web-shop"]
    listeners = [head for head, text in found.items() if "    bind " in text]
    assert len(listeners) == 2
    assert all(head.endswith(" from slipway-web-shop") for head in listeners)
    assert not any("no option" in text for text in found.values())


@pytest.mark.parametrize("choice", CHOICES)
def test_workers_of_before_a_reload_have_an_end(choice: dict[str, Any]) -> None:
    """Without it every long-lived connection keeps a process for as long as it lives."""
    found = sections(rendered(**choice)["haproxy_global.cfg.j2"])["global"]
    match = re.search(r"^    hard-stop-after ([0-9]+)s$", found, re.MULTILINE)
    assert match is not None and int(match[1]) > 0


def test_a_long_list_of_values_is_written_in_lines_that_haproxy_takes() -> None:
    text = rendered(sticky=STICKY[0], match=MANY)["haproxy.cfg.j2"]
    lines = [line for line in text.splitlines() if "acl slipway_matched" in line]
    assert sorted(word for line in lines for word in line.split()[5:]) == MANY[0]["values"]
    assert max(len(line.split()) for line in lines) <= 64 and max(map(len, lines)) < 2048


def test_without_anything_to_match_nothing_is_matched() -> None:
    text = rendered(sticky=STICKY[0], match=[])["haproxy.cfg.j2"]
    assert "slipway_matched" not in text and "slipway_override" not in text
