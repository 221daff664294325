# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses as people see them."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.address import secrets_of, shown, without

SECRET = "canary-4f1d"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://metrics.example:9090/api/v1", "https://metrics.example:9090/api/v1"),
        (f"https://ann:{SECRET}@metrics.example/a/b?k={SECRET}#{SECRET}", "https://metrics.example/a/b"),
        (f"https://{SECRET}@[2001:db8::1]:8081/a", "https://[2001:db8::1]:8081/a"),
        (f"https://metrics.example?k={SECRET}", "https://metrics.example"),
        (f"https://ann:{SECRET}?x@metrics.example/", "https://..."),
        (f"git+ssh://ann:{SECRET}@git.example/shop.git#1.0", "git+ssh://git.example/shop.git"),
        (f"/health?token={SECRET}", "/health"),
        (f"/a//b@c?token={SECRET}", "/a//b@c"),
        (f"health?token={SECRET}", "health"),
        ("", ""),
    ],
)
def test_an_address_is_named_without_what_may_be_secret(address: str, expected: str) -> None:
    assert shown(address) == expected


def test_what_is_hidden_is_hidden_in_the_words_of_a_server_too() -> None:
    url = f"https://metrics.example/a?token={SECRET}%21&x=1"
    told = f"no such page: /a?token={SECRET}%21&x=1, token was {SECRET}!, x was 1"
    assert without(told, secrets_of(url)) == "no such page: /a?********, token was ********, x was 1"


@pytest.mark.parametrize(
    "written",
    ['t0p"/s+t', 't0p\\"/s+t', "t0p%22%2Fs%2Bt", "t0p%22/s%2Bt", "t0p&quot;/s+t", "dDBwIi9zK3Q="],
)
def test_a_secret_is_hidden_as_services_repeat_it(written: str) -> None:
    assert "t0p" not in without(f"answered: {written}", ['t0p"/s+t'])
    assert "dDBw" not in without(f"answered: {written}", ['t0p"/s+t'])
