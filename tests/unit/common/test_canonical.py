# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Equal objects have equal bytes, and what readers may not agree on is refused."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import canonical, digest


def test_the_order_of_keys_does_not_matter() -> None:
    assert canonical({"b": 1, "a": {"d": [1, 2], "c": None}}) == b'{"a":{"c":null,"d":[1,2]},"b":1}'


def test_the_order_of_a_list_matters() -> None:
    assert digest([1, 2]) != digest([2, 1])


def test_text_beyond_ascii_is_kept_as_utf_8() -> None:
    assert canonical({"name": "Größe"}) == '{"name":"Größe"}'.encode()


def test_a_tuple_is_a_list() -> None:
    assert canonical((1, "two", True)) == canonical([1, "two", True]) == b'[1,"two",true]'


def test_the_digest_is_the_sha_256_of_the_bytes() -> None:
    assert digest({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


@pytest.mark.parametrize("value", [2**53 - 1, -(2**53) + 1, 0, True, False, None, "", [], {}])
def test_accepted(value: Any) -> None:
    assert canonical({"nested": [value]})


@pytest.mark.parametrize("value", [1.0, float("nan"), 2**53, -(2**53), {"ä": 1}, {1: 1}, {None: 1}])
def test_refused_at_any_depth(value: Any) -> None:
    for nested in (value, [value], (value,), {"a": {"b": [value]}}):
        with pytest.raises(ValueError, match=r"float|integer|key"):
            canonical(nested)
