# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a gate that must be refused, each naming its field and a remedy, and those that must be accepted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._gate.spec import PROBES, credentials, parse

HTTP = {"name": "one", "type": "http", "url": "http://127.0.0.1:8081/health/ready"}
HTTPS = {**HTTP, "url": "https://127.0.0.1:8443/"}
SQL = {"name": "one", "type": "sql", "dsn": "dbname=shop", "query": "SELECT 1"}

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "http", "url": "http://a/"}, "name"),
    ({**HTTP, "name": ""}, "name"),
    ({"name": "one"}, "type"),
    ({**HTTP, "type": "icmp"}, "type"),
    ({"name": "one", "type": "http"}, "url"),
    ({**HTTP, "url": "127.0.0.1:8081"}, "url"),
    ({**HTTP, "url": "ftp://127.0.0.1/"}, "url"),
    ({**HTTP, "url": "http://"}, "url"),
    ({**HTTP, "url": "http://a:99999/"}, "url"),
    ({**HTTP, "url": "http://a:0/"}, "url"),
    ({**HTTP, "url": "http://a/b c"}, "url"),
    ({**HTTP, "url": "http://me:secret@a/"}, "url"),
    ({**HTTP, "url": "http://[::1/"}, "url"),
    ({**HTTP, "method": "DELETE"}, "method"),
    ({**HTTP, "headers": ["a"]}, "headers"),
    ({**HTTP, "headers": {"Accept": True}}, "headers"),
    ({**HTTP, "headers": {"X": "a\r\nInjected: b"}}, "headers"),
    ({**HTTP, "headers": {"Authorization": "Bearer hunter2"}}, "headers"),
    ({**HTTP, "headers": {"X-Api-Key": "hunter2"}}, "headers"),
    ({**HTTP, "status": ["ok"]}, "status"),
    ({**HTTP, "status": [99]}, "status"),
    ({**HTTP, "status": 200}, "status"),
    ({**HTTP, "body_regex": "("}, "body_regex"),
    ({**HTTP, "json": {"a..b": 1}}, "json"),
    ({**HTTP, "json": {"a[x]": 1}}, "json"),
    ({**HTTP, "tls": {"verify": True}}, "tls"),
    ({**HTTPS, "tls": {"verify": "yes"}}, "tls.verify"),
    ({**HTTPS, "tls": {"verify": False, "min_days": 3}}, "tls.verify"),
    ({**HTTPS, "tls": {"verify": False, "ca": "/ca.pem"}}, "tls.verify"),
    ({**HTTPS, "tls": {"min_days": -1}}, "tls.min_days"),
    ({**HTTPS, "tls": {"cafile": "/ca.pem"}}, "tls.cafile"),
    ({**HTTP, "address": "127.0.0.1"}, "address"),
    ({"name": "one", "type": "tcp"}, "address"),
    ({"name": "one", "type": "tcp", "address": "127.0.0.1:0"}, "address"),
    ({"name": "one", "type": "tcp", "address": "::1:80"}, "address"),
    ({"name": "one", "type": "tcp", "address": "127.0.0.1:80", "url": "http://a/"}, "url"),
    ({"name": "one", "type": "command"}, "argv"),
    ({"name": "one", "type": "command", "argv": []}, "argv"),
    ({"name": "one", "type": "command", "argv": [""]}, "argv"),
    ({"name": "one", "type": "command", "argv": "true"}, "argv"),
    ({"name": "one", "type": "command", "argv": ["true"], "rc": [256]}, "rc"),
    ({"name": "one", "type": "unit"}, "unit"),
    ({"name": "one", "type": "unit", "unit": "shop"}, "unit"),
    ({"name": "one", "type": "unit", "unit": "--all.service"}, "unit"),
    ({"name": "one", "type": "sql", "query": "SELECT 1"}, "dsn"),
    ({"name": "one", "type": "sql", "dsn": "dbname=shop"}, "query"),
    ({**SQL, "expect": 1}, "expect"),
    ({**HTTP, "budget_ms": -1}, "budget_ms"),
    ({**HTTP, "budget_ms": 1.5}, "budget_ms"),
    ({**HTTP, "budget_ms": 1001}, "budget_ms"),
    ({**HTTP, "timeout": 0}, "timeout"),
    ({**HTTP, "interval": True}, "interval"),
    ({**HTTP, "successes": 0}, "successes"),
    ({**HTTP, "startup": 60}, "startup"),
    ({**HTTP, "deadline": 2}, "deadline"),
    ({**HTTP, "deadline": "60"}, "deadline"),
    ({**HTTP, "failures": -1}, "failures"),
    ({**HTTP, "retries": 3}, "retries"),
]


@pytest.mark.parametrize(("options", "field"), REFUSED)
def test_refused_with_field_and_remedy(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        parse([{"name": "first", "type": "unit", "unit": "a.service"}, options])
    assert caught.value.where == f"checks[1].{field}"
    assert caught.value.remedy
    assert "hunter2" not in caught.value.message()
    assert "secret@" not in caught.value.message()


def test_two_checks_of_one_name_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        parse([HTTP, HTTP])
    assert caught.value.where == "checks[1].name"


def test_a_check_that_is_no_dictionary_is_refused() -> None:
    checks: list[Any] = ["http://a/"]
    with pytest.raises(InputError) as caught:
        parse(checks)
    assert caught.value.where == "checks[0]"


def test_too_many_checks_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        parse([{**HTTP, "name": str(number)} for number in range(257)])
    assert caught.value.where == "checks"


def test_every_type_is_accepted_with_what_it_needs() -> None:
    checks = parse(
        [
            {
                **HTTP,
                "name": "http",
                "host": "shop.example",
                "secret_headers": {"Authorization": "x"},
                "json": {"a": 1},
            },
            {**HTTPS, "name": "https", "tls": {"verify": True, "ca": None, "server_name": "shop.example"}},
            {"name": "tcp", "type": "tcp", "address": "[::1]:5432"},
            {"name": "command", "type": "command", "argv": ["true"], "rc": [0, 3], "stdout": "x"},
            {"name": "unit", "type": "unit", "unit": "shop.service"},
            {**SQL, "name": "sql"},
        ]
    )
    assert {check.type for check in checks} == set(PROBES)


def test_options_not_given_count_as_absent() -> None:
    (check,) = parse([{**HTTP, "argv": None, "dsn": None, "deadline": None}])
    assert check.timing.deadline == 60


def test_targets_hold_no_secret() -> None:
    checks = parse(
        [
            {**HTTP, "secret_headers": {"X": "hunter2"}},
            {**SQL, "name": "sql", "dsn": "password=hunter2"},
            {"name": "command", "type": "command", "argv": ["check", "--password=hunter2"]},
        ]
    )
    assert "hunter2" not in "".join(check.probe.target() for check in checks)


def test_credentials_in_headers_are_found_before_they_are_refused() -> None:
    assert credentials([{**HTTP, "headers": {"Authorization": "hunter2", "Accept": "a"}}, SQL]) == {"hunter2"}
