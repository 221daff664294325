# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a balancer: what is accepted, and that each refusal names its key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig, other_slot
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError


def test_a_configuration_survives_writing_and_reading(content: dict[str, Any]) -> None:
    config = BalancerConfig.from_dict(content)
    assert BalancerConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.digest() == BalancerConfig.from_dict(config.to_dict()).digest()


def test_instances_are_named_after_slot_and_host_and_ordered(content: dict[str, Any]) -> None:
    content["servers"]["blue"] = dict(reversed(content["servers"]["blue"].items()))
    config = BalancerConfig.from_dict(content)
    assert config.instances("blue") == ("blue-app1", "blue-app2", "blue-app3")
    assert config.address("green-app2") == "127.0.0.1:9102"
    assert config.slot_of("green-app2") == "green" == other_slot("blue")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", 2),
        ("schema", "1"),
        ("app", "Shop"),
        ("app", "shop; rm"),
        ("kind", "apache"),
        ("port", 0),
        ("port", "80"),
        ("port", True),
        ("preview_port", 65536),
        ("server_names", []),
        ("server_names", ["a b"]),
        ("server_names", ["a;b"]),
        ("sticky", {"by": "moon", "name": "x"}),
        ("sticky", {"by": "cookie", "name": "a-b"}),
        ("sticky", {"by": "header", "name": ""}),
        ("sticky", {"by": "address", "name": "x", "more": 1}),
        ("health", {"path": "no-slash"}),
        ("health", {"path": "/x y"}),
        ("health", {"interval": 0}),
        ("health", {"nonsense": 1}),
        ("agent", {"port": -1}),
        ("agent", {"peers": "10.0.0.1:8470"}),
        ("agent", {"peers": ["10.0.0.1"]}),
        ("servers", {"blue": {"app1": "127.0.0.1:1"}}),
        ("servers", {"blue": {}, "green": {"app1": "127.0.0.1:1"}}),
        ("servers", {"blue": {"app1": "127.0.0.1"}, "green": {"app1": "127.0.0.1:1"}}),
        ("servers", {"blue": {"app1": "127.0.0.1:99999"}, "green": {"app1": "127.0.0.1:1"}}),
        ("servers", {"blue": {"app1": "127.0.0.1:1"}, "green": {"app1": "127.0.0.1:1"}}),
        ("servers", {"blue": {"a}b": "127.0.0.1:1"}, "green": {"app1": "127.0.0.1:2"}}),
        ("surprise", 1),
    ],
)
def test_a_bad_value_is_refused_by_name(content: dict[str, Any], key: str, value: Any) -> None:
    content[key] = value
    with pytest.raises(InputError) as refused:
        BalancerConfig.from_dict(content)
    assert key in refused.value.what


@pytest.mark.parametrize("key", ["schema", "app", "kind", "servers"])
def test_a_missing_key_is_refused_by_name(content: dict[str, Any], key: str) -> None:
    del content[key]
    with pytest.raises(InputError, match=f"{key} is missing"):
        BalancerConfig.from_dict(content)


def test_an_address_takes_no_name_and_ipv6_is_an_address(content: dict[str, Any]) -> None:
    content["sticky"] = {"by": "address"}
    content["servers"]["blue"]["app1"] = "[fd00::1]:8081"
    assert BalancerConfig.from_dict(content).sticky.name == ""


def test_a_host_that_is_no_balancer_says_so(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no balancer of application 'shop'"):
        BalancerConfig.load("shop", tmp_path)
    (tmp_path / "shop.json").write_text("{")
    with pytest.raises(StateError, match="not JSON"):
        BalancerConfig.load("shop", tmp_path)


def test_an_unknown_instance_is_refused_with_the_known_ones(config: BalancerConfig) -> None:
    with pytest.raises(InputError) as refused:
        config.slot_of("blue-app9")
    assert "green-app3" in refused.value.remedy
