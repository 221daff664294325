# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What check mode takes a fleet for that site.yml would have set up, or would have added hosts to. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._inputs.validate import Inputs
from .fleet import OTHER


def set_up(inputs: Inputs, live: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The live state of a fresh fleet with every balancer set up, and what is not known because none is.

    A fleet in which anything was ever deployed, or any balancer set up, is left as it is: there a balancer without a
    state is a fault.
    """
    if not _is_fresh(inputs, live):
        return dict(live), []
    return _with_balancers(_able_to_keep_warm(inputs, live), dict.fromkeys(inputs.balancer_hosts, _balancer(inputs)))


def joined(inputs: Inputs, live: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The live state of a fleet that serves, with every balancer set up as its peers are and every host registered."""
    answers = {host: (live.get(host) or {}).get("balancer") or {} for host in inputs.balancer_hosts}
    peers = {host: answer for host, answer in answers.items() if answer.get("recorded")}
    live = _able_to_keep_warm(inputs, live)
    if not peers:
        return dict(live), []
    instances = _balancer(inputs)["instances"]
    known = {host: {**answer, "instances": instances, **_watching(answer)} for host, answer in peers.items()}
    peer = {**next(iter(known.values())), "token": 0, "ledger": ""}
    newcomers = {host: peer for host in answers if host not in peers and not live[host].get("unreachable")}
    found, unknown = _with_balancers(live, newcomers)
    return {**found, **{host: {**live[host], "balancer": answer} for host, answer in known.items()}}, unknown


def _with_balancers(live: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    balancers = {host: {**live[host], "balancer": answer} for host, answer in found.items()}
    return {**live, **balancers}, [f"what {host} does (site.yml has not set it up yet)" for host in balancers]


def _able_to_keep_warm(inputs: Inputs, live: Mapping[str, Any]) -> dict[str, Any]:
    """The live state with what ends a keep-warm time installed on every application host."""
    able = {
        host: {**live[host], "release": {**live[host]["release"], "can_keep_warm": True}}
        for host in inputs.application_hosts
        if (live.get(host) or {}).get("release")
    }
    return {**live, **able}


def _watching(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A balancer whose service that keeps watches was started."""
    return {"watch": {**answer["watch"], "kept": True, "unkept": ""}} if answer.get("watch") else {}


def _is_fresh(inputs: Inputs, live: Mapping[str, Any]) -> bool:
    if any(live.get(host, {"unreachable": True}).get("unreachable") for host in _hosts(inputs)):
        return False
    ledger = live[inputs.ledger_host].get("ledger") or {}
    slots = [(live[host].get("release") or {}).get("slots") for host in inputs.application_hosts]
    return (
        ledger.get("token") == 0
        and not any((live[host].get("balancer") or {}).get("recorded") for host in inputs.balancer_hosts)
        and all(held and all(slot["status"] == "empty" for slot in held.values()) for held in slots)
    )


def _hosts(inputs: Inputs) -> list[str]:
    return [*inputs.application_hosts, *inputs.balancer_hosts, inputs.ledger_host]


def _balancer(inputs: Inputs) -> dict[str, Any]:
    stable = next(iter(OTHER))
    return {
        "recorded": {"stable": stable, "percents": {stable: 100, OTHER[stable]: 0}, "lease": None},
        "live": {"open": True},
        "consistent": True,
        "instances": {f"{slot}-{host}": {} for slot in OTHER for host in inputs.application_hosts},
        "token": 0,
    }
