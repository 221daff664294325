# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and addresses of labs. Touches nothing."""

from __future__ import annotations

import re

import pytest

from lab.errors import LabError
from lab.plan import (
    DEFAULT_HOSTS,
    DEFAULT_NAME,
    REPOSITORY,
    Plan,
    check_name,
    choose_octet,
    ordered_hosts,
    preferred_octet,
    split_host,
)


def test_every_machine_has_its_fixed_address() -> None:
    plan = Plan("shop", 7, DEFAULT_HOSTS)
    assert [host.address.rsplit(".", 1)[1] for host in plan.hosts] == ["11", "12", "21", "22", "23", "31", "32"]
    assert (plan.controller_address, plan.virtual_address) == ("10.213.7.1", "10.213.7.10")


def test_names_of_interfaces_fit_the_kernel() -> None:
    plan = Plan("a" * 11, 254, ordered_hosts(["app9", "lb9", "db9"]))
    check_name(plan.name)
    assert all(len(name) <= 15 for name in [plan.bridge, *(host.link for host in plan.hosts)])


def test_machines_of_two_labs_share_nothing() -> None:
    def belongings(lab: str, octet: int) -> set[str]:
        hosts = Plan(lab, octet, DEFAULT_HOSTS).hosts
        return {
            belonging
            for host in hosts
            for belonging in (host.address, host.link, host.namespace, host.hardware_address, host.machine_id)
        }

    one, other = belongings("one", 1), belongings("other", 2)
    assert len(one) == 5 * len(DEFAULT_HOSTS)
    assert not one & other


def test_a_taken_octet_is_passed_over() -> None:
    first = choose_octet("shop", set())
    second = choose_octet("shop", {first})
    assert first == preferred_octet("shop")
    assert second not in {first, preferred_octet(DEFAULT_NAME)}


def test_the_default_lab_always_finds_its_octet_free_of_other_labs() -> None:
    wanted = preferred_octet(DEFAULT_NAME)
    taken: set[int] = set()
    for number in range(253):
        taken.add(choose_octet(f"lab{number}", taken))
    assert taken == set(range(1, 255)) - {wanted}
    assert choose_octet(DEFAULT_NAME, taken) == wanted


def test_no_octet_left_is_an_error() -> None:
    with pytest.raises(LabError, match="down --all"):
        choose_octet("shop", range(1, 255))


@pytest.mark.parametrize("name", ["", "Shop", "1shop", "a" * 12, "a_b", "../x"])
def test_odd_lab_names_are_refused(name: str) -> None:
    with pytest.raises(LabError, match="no lab name"):
        check_name(name)


@pytest.mark.parametrize("name", ["app", "app0", "app10", "web1", "../lb1"])
def test_odd_machine_names_are_refused(name: str) -> None:
    with pytest.raises(LabError, match="lb1 to lb9"):
        split_host(name)


def test_machines_are_ordered_without_repeats() -> None:
    assert ordered_hosts(["db1", "app2", "lb1", "app1", "app2"]) == ("lb1", "app1", "app2", "db1")


def test_an_unknown_machine_is_named_with_those_there_are() -> None:
    with pytest.raises(LabError, match=r"no machine app3.*lb1, app1"):
        Plan("shop", 7, ("lb1", "app1")).host("app3")


def test_the_inventory_in_the_repository_has_the_same_machines() -> None:
    text = (REPOSITORY / "inventories" / "lab" / "hosts.yml").read_text(encoding="utf-8")
    found = re.findall(r"(\w+): {ansible_host: \"{{ slipway_lab_network }}\.(\d+)\"}", text)
    assert found == [(host.name, str(host.number)) for host in Plan(DEFAULT_NAME, 7, DEFAULT_HOSTS).hosts]
