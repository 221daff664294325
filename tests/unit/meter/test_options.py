# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options are refused before anything is sent, and only the operator's own networks are loaded."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._meter.options import Options, target_of


@pytest.mark.parametrize(
    ("where", "changes"),
    [
        ("duration", {"duration": 0}),
        ("duration", {"duration": 86401}),
        ("duration", {"duration": float("inf")}),
        ("duration", {"duration": float("nan")}),
        ("rate", {"rate": -1}),
        ("rate", {"rate": 20001}),
        ("rate", {"rate": 0}),
        ("keepalive_share", {"keepalive_share": 1.1}),
        ("connections", {"connections": 0}),
        ("timeout", {"timeout": 0}),
        ("long_seconds", {"long_seconds": 0}),
        ("sticky", {"sticky": "slipway"}),
        ("sticky", {"sticky": "cookie:a b"}),
        ("sticky", {"sticky": "header:X\r\nEvil"}),
        ("host", {"host": "a\r\nEvil: 1"}),
        ("url", {"url": "https://127.0.0.1/"}),
        ("url", {"url": "http:///path"}),
        ("url", {"url": "http://user:word@127.0.0.1/"}),
        ("url", {"url": "http://127.0.0.1:99999/"}),
        ("url", {"url": "http://127.0.0.1/a b"}),
        ("url", {"url": "http://8.8.8.8/"}),
        ("url", {"url": "http://[2606:4700::1111]/"}),
        ("url", {"url": "http://224.0.0.1/"}),
        ("url", {"url": "http://no-such-host.invalid/"}),
    ],
)
def test_refused_with_the_name_of_the_option(where: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        target_of(Options(**{"url": "http://127.0.0.1/", "duration": 1, **changes}))
    assert caught.value.where == where
    assert caught.value.remedy


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://10.1.2.3:8080/x?y=z", "http://192.168.0.1", "http://169.254.1.1/", "http://[::1]"],
)
def test_own_networks_are_accepted(url: str) -> None:
    target_of(Options(url=url, duration=1))


def test_a_public_address_needs_to_be_allowed() -> None:
    assert target_of(Options(url="http://8.8.8.8/", duration=1, allow_public=True)).address == ("8.8.8.8", 80)


def test_path_query_port_and_host() -> None:
    target = target_of(Options(url="http://10.1.2.3:8080/x?y=z", duration=1, host="shop.example"))
    assert (target.address, target.path, target.host) == (("10.1.2.3", 8080), "/x?y=z", "shop.example")
