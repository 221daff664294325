# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: each case is one wrong variable, and must be refused with its name and a remedy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._inputs.spec import SPEC
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import InputProblems, Inputs, validate

GROUPS = {
    "all": ["app1", "app2", "lb1", "lb2", "db1"],
    "application": ["app2", "app1"],
    "balancers": ["lb1", "lb2"],
}
WEB = {
    "name": "web",
    "kind": "http",
    "command": "python3 -m shop",
    "ports": {"blue": 8081, "green": 8082},
    "health": {"ready": "/health/ready"},
}
MAILER = {"name": "mailer", "kind": "worker", "command": "python3 -m shop.mailer"}
NIGHTLY = {"name": "nightly", "kind": "scheduled", "command": "python3 -m shop.nightly", "schedule": "daily"}


def good(tmp_path: Path) -> dict[str, Any]:
    """Variables that are accepted."""
    (tmp_path / "shop.tar.gz").write_bytes(b"archive")
    return {
        "slipway_app": "shop",
        "slipway_version": "1.4.2",
        "slipway_artifact": "shop.tar.gz",
        "slipway_components": copy.deepcopy([WEB, MAILER, NIGHTLY]),
        "slipway_ledger_host": "db1",
        "inventory_hostname": "not looked at",
    }


def accepted(tmp_path: Path, **changes: Any) -> Inputs:
    return validate({**good(tmp_path), **changes}, GROUPS, base=tmp_path)


def components(**changes: Any) -> dict[str, Any]:
    return {"slipway_components": [{**copy.deepcopy(WEB), **changes}]}


def worker(**changes: Any) -> dict[str, Any]:
    return {"slipway_components": [WEB, {**MAILER, **changes}]}


def smoke(**fields: Any) -> dict[str, Any]:
    return {"slipway_smoke_checks": [{"path": "/health", **fields}]}


def command(**fields: Any) -> dict[str, Any]:
    return {"slipway_smoke_checks": [{"command": "/opt/smoke --all", **fields}]}


def before(**metric: Any) -> dict[str, Any]:
    return {"slipway_pre_analysis": [metric]}


UP = {"name": "up", "type": "prometheus", "url": "http://p:9090", "query": "up", "success_condition": "result == 1"}
WARM = {"name": "warm", "at": "before_traffic", "command": "/usr/local/bin/warm"}
TELL = {
    "name": "tell",
    "at": "after_settle",
    "url": "https://chat.example/T0B1",
    "headers": {"Authorization": "s3cr3t"},
}


def hook(**fields: Any) -> dict[str, Any]:
    return {"slipway_hooks": [{**WARM, **fields}]}


def call(**fields: Any) -> dict[str, Any]:
    return {"slipway_hooks": [{**TELL, **fields}]}


ERRORS = {
    "name": "errors",
    "type": "nginx_log",
    "interval": 10,
    "failure_condition": "canary.error_rate > stable.error_rate + 5",
}
JUDGE = {
    "name": "canary against stable",
    "type": "judge",
    "from": "nginx_log",
    "interval": 10,
    "compare": [{"name": "errors", "kind": "errors"}],
}
CANARY = {
    "slipway_rollout": "canary",
    "slipway_canary_steps": [
        {"percent": 5, "pause": 0},
        {"percent": 10, "pause": 60},
        {"percent": 50, "pause": 600},
    ],
}
TESTERS = [{"header": "X-User-Segment", "values": ["beta", "staff"]}, {"cookie": "canary", "values": [1]}]
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("app missing", {"slipway_app": None}, "slipway_app", "set slipway_app"),
    ("app malformed", {"slipway_app": "Shop_1"}, "slipway_app", "lower-case"),
    ("app too long", {"slipway_app": "a" * 32}, "slipway_app", "at most 31"),
    ("app with a line break", {"slipway_app": "shop\n"}, "slipway_app", "lower-case"),
    ("version missing", {"slipway_version": None}, "slipway_version", "-e slipway_version="),
    ("version empty", {"slipway_version": ""}, "slipway_version", "-e slipway_version="),
    ("version with a slash", {"slipway_version": "../1.0"}, "slipway_version", "no slashes"),
    ("version a YAML number", {"slipway_version": 1.1}, "slipway_version", "quote it"),
    ("version a reserved word", {"slipway_version": "previous"}, "slipway_version", "otherwise"),
    ("artifact missing", {"slipway_artifact": None}, "slipway_artifact", "give a path"),
    ("artifact not there", {"slipway_artifact": "other.tar.gz"}, "slipway_artifact", "build the artifact"),
    ("artifact a device", {"slipway_artifact": "/dev/null"}, "slipway_artifact", "archive or a directory"),
    ("artifact by ftp", {"slipway_artifact": "ftp://h/x.tgz"}, "slipway_artifact", "http:// or https://"),
    ("artifact without ref", {"slipway_artifact": "git+https://h/x.git"}, "slipway_artifact", "#<tag"),
    ("checksum malformed", {"slipway_artifact_sha256": "abc"}, "slipway_artifact_sha256", "sha256sum"),
    ("unknown rollout", {"slipway_rollout": "waterfall"}, "slipway_rollout", "blue_green, canary, rolling, simple"),
    ("no batch at all", {"slipway_batches": []}, "slipway_batches", "such as [1]"),
    ("a batch of nobody", {"slipway_batches": [1, "0%"]}, "slipway_batches[1]", "1% to 100%"),
    ("a batch of a word", {"slipway_batches": ["half"]}, "slipway_batches[0]", "a number of hosts"),
    ("an endless batch pause", {"slipway_batch_pause": 10**8}, "slipway_batch_pause", "use 0 to"),
    (
        "a step of nobody",
        {"slipway_canary_steps": [{"percent": 0}]},
        "slipway_canary_steps[0]",
        "set slipway_canary_match",
    ),
    (
        "a step of testers alone after others",
        {"slipway_canary_match": TESTERS, "slipway_canary_steps": [{"percent": 5}, {"percent": 0}]},
        "slipway_canary_steps[1]",
        "use 1 to 99",
    ),
    ("a match of nothing", {"slipway_canary_match": [{"values": ["1"]}]}, "slipway_canary_match[0]", "one of the two"),
    (
        "a match of both",
        {"slipway_canary_match": [{"header": "X-Canary", "cookie": "canary", "values": ["1"]}]},
        "slipway_canary_match[0]",
        "one of the two",
    ),
    (
        "a header that nginx cannot name",
        {"slipway_canary_match": [{"header": "X_Canary", "values": ["1"]}]},
        "slipway_canary_match[0].header",
        "letters, digits and -",
    ),
    (
        "a cookie that nginx cannot name",
        {"slipway_canary_match": [{"cookie": "can-ary", "values": ["1"]}]},
        "slipway_canary_match[0].cookie",
        "letters, digits and _",
    ),
    (
        "a match of no value",
        {"slipway_canary_match": [{"cookie": "canary", "values": []}]},
        "slipway_canary_match[0].values",
        "at least one",
    ),
    (
        "a match of an expression",
        {"slipway_canary_match": [{"header": "X-Canary", "values": ["always", ".*"]}]},
        "slipway_canary_match[0].values",
        "letters, digits",
    ),
    ("a step of everything", {"slipway_canary_steps": [{"percent": 100}]}, "slipway_canary_steps[0]", "by itself"),
    (
        "steps that go down",
        {"slipway_canary_steps": [{"percent": 20}, {"percent": 10}]},
        "slipway_canary_steps[1]",
        "growing percent",
    ),
    (
        "a park of a week",
        {"slipway_canary_steps": [{"percent": 9, "park": 604800}]},
        "slipway_canary_steps[0]",
        "518400",
    ),
    ("a park of less", {"slipway_canary_steps": [{"percent": 9, "park": -1}]}, "slipway_canary_steps[0]", "use 0 to"),
    (
        "an approval nowhere",
        {"slipway_approvals": ["before_settle", "after_lunch"]},
        "slipway_approvals[1]",
        "use before_migrations or before_traffic or before_settle; a step of a canary has its own",
    ),
    ("a step without percent", {"slipway_canary_steps": [{"pause": 5}]}, "slipway_canary_steps[0].percent", "set"),
    (
        "a pause of years",
        {"slipway_canary_steps": [{"percent": 10, "pause": 10**8}]},
        "slipway_canary_steps[0]",
        "seconds",
    ),
    ("metrics that nobody measures", {"slipway_analysis": [ERRORS]}, "slipway_analysis", "set slipway_bake"),
    (
        "a metric of no type",
        {"slipway_bake": 60, "slipway_analysis": [{"name": "errors"}]},
        "slipway_analysis[0].type",
        "nginx_log",
    ),
    (
        "a metric that is misspelt",
        {"slipway_bake": 60, "slipway_analysis": [ERRORS, {**ERRORS, "name": "b", "intervall": 5}]},
        "slipway_analysis[1].intervall",
        "correct it",
    ),
    (
        "a condition of another language",
        {"slipway_bake": 60, "slipway_analysis": [{**ERRORS, "failure_condition": "canary.error_rate > > 5"}]},
        "slipway_analysis[0].failure_condition",
        "",
    ),
    (
        "an interval that is no number",
        {"slipway_bake": 60, "slipway_analysis": [{**ERRORS, "interval": "often"}]},
        "slipway_analysis[0]",
        "health_gate",
    ),
    (
        "a metric that the bake is too short for",
        {"slipway_bake": 9, "slipway_analysis": [ERRORS]},
        "slipway_analysis[0]",
        "set slipway_bake to at least 10",
    ),
    (
        "a count that only one of the steps is long enough for",
        {**CANARY, "slipway_analysis": [{**ERRORS, "count": 7}]},
        "slipway_analysis[0]",
        "leave count out, or set slipway_canary_steps[1].pause to at least 70",
    ),
    (
        "a batch that is shorter than a metric",
        {"slipway_rollout": "rolling", "slipway_batch_pause": 5, "slipway_analysis": [ERRORS]},
        "slipway_analysis[0]",
        "set slipway_batch_pause to at least 10",
    ),
    (
        "a metric that is measured too often",
        {"slipway_bake": 86400, "slipway_analysis": [ERRORS]},
        "slipway_analysis[0].interval",
        "raise it to at least 60",
    ),
    (
        "a judge of something unknown",
        {**CANARY, "slipway_analysis": [{**JUDGE, "compare": [{"name": "cpu", "kind": "cpu"}]}]},
        "slipway_analysis[0].compare[0].kind",
        "use errors, quantile, limit",
    ),
    (
        "a judge with a margin that is above the harm",
        {
            **CANARY,
            "slipway_analysis": [ERRORS, {**JUDGE, "compare": [{**JUDGE["compare"][0], "margin": {"points": 3}}]}],
        },
        "slipway_analysis[1].compare[0]",
        "ascending order",
    ),
    (
        "a judge of latencies that HAProxy does not count",
        {
            **CANARY,
            "slipway_analysis": [{**JUDGE, "from": "haproxy", "compare": [{"name": "p99", "kind": "quantile"}]}],
        },
        "slipway_analysis[0].compare[0].kind",
        "use kind errors",
    ),
    (
        "a judge with a condition",
        {**CANARY, "slipway_analysis": [{**JUDGE, "failure_condition": "canary.error_rate > 5"}]},
        "slipway_analysis[0].failure_condition",
        "remove it",
    ),
    (
        "a judge that a step is too short for",
        {**CANARY, "slipway_analysis": [{**JUDGE, "interval": 61}]},
        "slipway_analysis[0]",
        "set slipway_canary_steps[1].pause to at least 61",
    ),
    (
        "a judge that looks too often",
        {**CANARY, "slipway_analysis": [{**JUDGE, "interval": 1}]},
        "slipway_analysis[0].interval",
        "raise it to at least 2",
    ),
    (
        "a canary that the judge would not see",
        {
            "slipway_rollout": "canary",
            "slipway_canary_steps": [{"percent": 5, "pause": 0}],
            "slipway_bake": 600,
            "slipway_analysis": [JUDGE],
        },
        "slipway_analysis[0]",
        "set the pause of a step",
    ),
    (
        "batches that the judge would not see",
        {"slipway_rollout": "rolling", "slipway_batch_pause": 0, "slipway_bake": 60, "slipway_analysis": [JUDGE]},
        "slipway_analysis[0]",
        "set slipway_batch_pause",
    ),
    ("a negative bake", {"slipway_bake": -1}, "slipway_bake", "use 0 to"),
    ("a watch for ever", {"slipway_watch": {"seconds": 10**6}}, "slipway_watch.seconds", "use 0 to 604800"),
    ("a watch that never asks", {"slipway_watch": {"interval": 0}}, "slipway_watch.interval", "use 1 to 3600"),
    ("a watch without a failure", {"slipway_watch": {"failures": 0}}, "slipway_watch.failures", "use 1 to 1000"),
    ("a watch of no time", {"slipway_watch": {"window": 0}}, "slipway_watch.window", "use 1 to 86400"),
    ("a watch that does what nobody knows", {"slipway_watch": {"on_error": "panic"}}, "slipway_watch.on_error", "keep"),
    ("a watch of other words", {"slipway_watch": {"second": 5}}, "slipway_watch.second", "slipway_watch.seconds"),
    ("a keep-warm time for ever", {"slipway_keep_warm": 10**9}, "slipway_keep_warm", "use 0 to 2592000 seconds"),
    ("a negative keep-warm time", {"slipway_keep_warm": -1}, "slipway_keep_warm", "use 0 to 2592000 seconds"),
    (
        "a keep-warm time that the watch outlasts",
        {"slipway_keep_warm": 86400},
        "slipway_keep_warm",
        "give more than 86400 seconds, or lower slipway_watch.seconds",
    ),
    (
        "a keep-warm time that a lease outlasts",
        {"slipway_keep_warm": 300, "slipway_watch": {"seconds": 0}},
        "slipway_keep_warm",
        "or lower slipway_lease_seconds",
    ),
    ("a hook after the run on the controller", hook(at="on_return"), "slipway_hooks[0].hosts", "set hosts: balancers"),
    (
        "a hook after the run that takes long",
        hook(at="on_return", hosts="balancers", timeout=101),
        "slipway_hooks[0].timeout",
        "use 1 to 100",
    ),
    (
        "metrics that only a watch would measure, without one",
        {"slipway_watch": {"seconds": 0}, "slipway_analysis": [{**ERRORS, "failure_condition": "canary.errors > 5"}]},
        "slipway_analysis",
        "set slipway_bake, slipway_watch",
    ),
    ("a meter that is a flood", {"slipway_loss_budget": {"rate": 5000}}, "slipway_loss_budget.rate", "use 0 to 1000"),
    ("a profile without end", {"slipway_profile": {"seconds": 90}}, "slipway_profile.seconds", "use 0 to 60"),
    ("a profile of nothing", {"slipway_profile": {"rate": 0}}, "slipway_profile.rate", "use 1 to 1000"),
    ("a profile of no path", {"slipway_profile": {"path": "ready"}}, "slipway_profile.path", "begin it with /"),
    ("a ratio that is none", {"slipway_profile": {"max_ratio": "much"}}, "slipway_profile.max_ratio", "a number"),
    ("a ratio of nothing", {"slipway_profile": {"max_ratio": "0.0"}}, "slipway_profile.max_ratio", "a number"),
    ("metrics anywhere", {"slipway_metrics_directory": "prom"}, "slipway_metrics_directory", "begin it with /"),
    ("after nobody", worker(after=["nobody"]), "slipway_components[1].after", "name components of this list: web"),
    (
        "served after a worker",
        {"slipway_components": [{**WEB, "after": ["mailer"]}, MAILER]},
        "slipway_components[0].after",
        "let mailer come after web",
    ),
    (
        "after a schedule",
        {"slipway_components": [WEB, {**MAILER, "after": ["nightly"]}, NIGHTLY]},
        "slipway_components[1].after",
        "http, worker or singleton",
    ),
    ("after itself", worker(after=["mailer"]), "slipway_components, after", "take one of these names out"),
    (
        "a handover longer than the lease",
        {"slipway_components": [WEB, MAILER, {**NIGHTLY, "stop_timeout": 150}], "slipway_lease_seconds": 450},
        "slipway_lease_seconds",
        "more than 450",
    ),
    (
        "a profile longer than the lease",
        {
            "slipway_components": [WEB, MAILER],
            "slipway_profile": {"seconds": 50},
            "slipway_lease_seconds": 45,
            "slipway_ready_deadline": 20,
            "slipway_drain_deadline": 10,
        },
        "slipway_lease_seconds",
        "more than 50",
    ),
    ("a budget below nothing", {"slipway_loss_budget": {"max_lost": -1}}, "slipway_loss_budget.max_lost", "use 0 to"),
    ("a path that is none", {"slipway_loss_budget": {"path": "ready"}}, "slipway_loss_budget.path", "begin it with /"),
    ("unknown balancer", {"slipway_balancer": "apache"}, "slipway_balancer", "nginx, haproxy"),
    ("unknown variable", {"slipway_verison": "1.0"}, "slipway_verison", "did you mean slipway_version?"),
    ("unknown variable, nothing near", {"slipway_zzzzzzzz": "1.0"}, "slipway_zzzzzzzz", "remove it"),
    ("no components", {"slipway_components": []}, "slipway_components", "add the component"),
    ("components a mapping", {"slipway_components": {"a": 1}}, "slipway_components", "a list of mappings"),
    ("no http component", {"slipway_components": [MAILER]}, "slipway_components", "add the component"),
    ("unknown option", components(comand="x"), "slipway_components[0].comand", "slipway_components[0].command?"),
    ("unknown kind", components(kind="cron"), "slipway_components[0].kind", "http, worker, singleton, scheduled"),
    ("component without name", components(name=None), "slipway_components[0].name", "Name of the component"),
    ("component name malformed", components(name="Web 1"), "slipway_components[0].name", "lower-case"),
    ("component name twice", worker(name="web"), "slipway_components[1].name", "its own name"),
    ("command empty", components(command=" "), "slipway_components[0].command", "one command line"),
    ("http without ports", components(ports=None), "slipway_components[0].ports", "add ports"),
    ("http without health", components(health=None), "slipway_components[0].health", "add health"),
    (
        "slot names wrong",
        components(ports={"blue": 1, "green": 2, "gren": 3}),
        "slipway_components[0].ports.gren",
        "ports.green?",
    ),
    ("slot missing", components(ports={"blue": 8081}), "slipway_components[0].ports.green", "set"),
    ("port a word", components(ports={"blue": "x", "green": 8082}), "slipway_components[0].ports.blue", "an integer"),
    ("port 0", components(ports={"blue": 0, "green": 8082}), "slipway_components[0].ports.blue", "1 to 65535"),
    ("port 65536", components(ports={"blue": 8081, "green": 65536}), "slipway_components[0].ports.green", "1 to 65535"),
    ("slots share a port", components(ports={"blue": 8081, "green": 8081}), "slipway_components[0].ports.green", "own"),
    (
        "two components for one balancer",
        {"slipway_components": [WEB, {**WEB, "name": "api", "ports": {"blue": 8083, "green": 8084}}]},
        "slipway_components",
        "its own slipway_app",
    ),
    ("worker with ports", worker(ports={"blue": 8083, "green": 8084}), "slipway_components[1].ports", "remove ports"),
    ("worker with health", worker(health=WEB["health"]), "slipway_components[1].health", "remove health"),
    ("worker with schedule", worker(schedule="daily"), "slipway_components[1].schedule", "remove it"),
    ("scheduled without schedule", worker(kind="scheduled"), "slipway_components[1].schedule", "add schedule"),
    ("singleton overlaps", worker(kind="singleton", overlap=True), "slipway_components[1].overlap", "workers"),
    ("health not a path", components(health={"ready": "x y"}), "slipway_components[0].health.ready", "begin it with /"),
    ("health without ready", components(health={"live": "/l"}), "slipway_components[0].health.ready", "set"),
    ("stop timeout 0", components(stop_timeout=0), "slipway_components[0].stop_timeout", "at least 1"),
    ("memory malformed", components(memory_max="much"), "slipway_components[0].memory_max", "512M"),
    ("environment reserved", components(environment={"PORT": "1"}), "slipway_components[0].environment.PORT", "rename"),
    ("config not a mapping", {"slipway_config": "x"}, "slipway_config", "a mapping"),
    ("config name malformed", {"slipway_config": {"a-b": "x"}}, "slipway_config.a-b", "letters, digits"),
    ("config name reserved", {"slipway_config": {"SLOT": "x"}}, "slipway_config.SLOT", "rename"),
    ("config value a number", {"slipway_config": {"MODE": 493}}, "slipway_config.MODE", "quote the value"),
    ("config value of two lines", {"slipway_config": {"A": "x\ny"}}, "slipway_config.A", "file of the release"),
    (
        "shared directory absolute",
        {"slipway_shared_directories": ["/srv"]},
        "slipway_shared_directories[0]",
        "relative",
    ),
    (
        "shared directory above",
        {"slipway_shared_directories": ["a/../.."]},
        "slipway_shared_directories[0]",
        "without ..",
    ),
    ("schema range empty", {"slipway_schema_range": {"min": 3, "max": 2}}, "slipway_schema_range", "min <= max"),
    ("schema range half", {"slipway_schema_range": {"min": 3}}, "slipway_schema_range.max", "set"),
    ("user malformed", {"slipway_user": "a b"}, "slipway_user", "at most 32"),
    ("user root", {"slipway_user": "root"}, "slipway_user", "unprivileged"),
    ("user made from a long name", {"slipway_app": "a" * 26}, "slipway_user", "at most 32"),
    ("balancer port out of range", {"slipway_balancer_port": 70000}, "slipway_balancer_port", "1 to 65535"),
    ("preview port is the public one", {"slipway_preview_port": 80}, "slipway_preview_port", "its own port"),
    ("preview port is the agent's", {"slipway_preview_port": 8470}, "slipway_preview_port", "its own port"),
    ("server names empty", {"slipway_server_names": []}, "slipway_server_names", "_ for any"),
    ("server name malformed", {"slipway_server_names": ["a;b"]}, "slipway_server_names[0]", "*.example.com"),
    ("sticky by nothing known", {"slipway_sticky": {"by": "moon"}}, "slipway_sticky.by", "cookie, header"),
    ("sticky cookie without name", {"slipway_sticky": {"by": "cookie"}}, "slipway_sticky.name", "letters"),
    ("sticky address with name", {"slipway_sticky": {"by": "address", "name": "x"}}, "slipway_sticky.name", "remove"),
    ("ledger host missing", {"slipway_ledger_host": None}, "slipway_ledger_host", "set slipway_ledger_host"),
    ("ledger host unknown", {"slipway_ledger_host": "db9"}, "slipway_ledger_host", "host of the inventory"),
    ("lease a word", {"slipway_lease_seconds": "long"}, "slipway_lease_seconds", "seconds"),
    ("lease below the ready deadline", {"slipway_lease_seconds": 150}, "slipway_lease_seconds", "more than 150"),
    ("lease below a stop timeout", components(stop_timeout=300), "slipway_lease_seconds", "more than 300"),
    (
        "lease without room for a renewal",
        {"slipway_lease_seconds": 225, "slipway_rollout": "rolling"},
        "slipway_lease_seconds",
        "more than 225",
    ),
    (
        "lease and an odd stop timeout",
        {**components(stop_timeout=211), "slipway_lease_seconds": 316, "slipway_rollout": "simple"},
        "slipway_lease_seconds",
        "more than 316",
    ),
    ("lease negative", {"slipway_lease_seconds": -1}, "slipway_lease_seconds", "at least 1"),
    ("drain deadline negative", {"slipway_drain_deadline": -1}, "slipway_drain_deadline", "0 or more"),
    ("ready deadline too short", {"slipway_ready_deadline": 2}, "slipway_ready_deadline", "raise it"),
    ("ready successes 0", {"slipway_ready_successes": 0}, "slipway_ready_successes", "at least 1"),
    ("keep one revision", {"slipway_keep_revisions": 1}, "slipway_keep_revisions", "at least 2"),
    ("rollback to nonsense", {"slipway_rollback_to": "a b"}, "slipway_rollback_to", "latest_good"),
    ("skip without reason", {"slipway_skip": ["smoke"]}, "slipway_reason", "slipway_skip"),
    ("force without reason", {"slipway_force": True}, "slipway_reason", "slipway_force"),
    ("adoption without reason", {"slipway_adopt_ledger": True}, "slipway_reason", "slipway_adopt_ledger"),
    ("skip unknown", {"slipway_skip": ["gate"], "slipway_reason": "x"}, "slipway_skip[0]", "smoke"),
    ("reason of two lines", {"slipway_reason": "a\nb"}, "slipway_reason", "shorten"),
    ("smoke check without path", {"slipway_smoke_checks": [{"url": "x"}]}, "slipway_smoke_checks[0].path", "{path:"),
    (
        "sticky cookie with a hyphen",
        {"slipway_sticky": {"by": "cookie", "name": "a-b"}},
        "slipway_sticky.name",
        "and _",
    ),
    ("sticky header with _", {"slipway_sticky": {"by": "header", "name": "a_b"}}, "slipway_sticky.name", "and -"),
    ("health path with a quote", components(health={"ready": '/a"'}), "slipway_components[0].health.ready", "quotes"),
    ("smoke check, no such field", smoke(statsu=200), "slipway_smoke_checks[0].statsu", "health_gate"),
    ("smoke check, wrong type", smoke(timeout="long"), "slipway_smoke_checks[0]", "health_gate"),
    ("smoke check, out of range", smoke(timeout=0), "slipway_smoke_checks[0].timeout", "choose one"),
    ("smoke check, useless budget", smoke(budget_ms=5000), "slipway_smoke_checks[0].budget_ms", "raise the timeout"),
    ("smoke check, broken expression", smoke(body_regex="("), "slipway_smoke_checks[0].body_regex", "expression"),
    ("smoke check of another type", smoke(type="tcp"), "slipway_smoke_checks[0]", "remove type"),
    ("smoke check with path and command", smoke(command="true"), "slipway_smoke_checks[0].command", "one of them"),
    ("smoke command that is none", command(command="sh -c 'x"), "slipway_smoke_checks[0].command", "shell"),
    ("smoke command that is empty", command(command=""), "slipway_smoke_checks[0].command", ""),
    ("smoke command of another type", command(type="tcp"), "slipway_smoke_checks[0]", "remove type"),
    ("smoke command with HTTP", command(status=[200]), "slipway_smoke_checks[0].status", "remove"),
    ("smoke command with argv", command(argv=["x"]), "slipway_smoke_checks[0].argv", "remove argv"),
    ("smoke check elsewhere", smoke(where="here"), "slipway_smoke_checks[0].where", "preview"),
    (
        "smoke check without preview",
        {**smoke(where="preview"), "slipway_rollout": "rolling"},
        "slipway_smoke_checks[0].where",
        "use public",
    ),
    ("pre-analysis of traffic", before(**ERRORS), "slipway_pre_analysis[0].type", "prometheus"),
    ("pre-analysis by the judge", before(**JUDGE), "slipway_pre_analysis[0].type", "prometheus"),
    ("pre-analysis without type", {"slipway_pre_analysis": [{"name": "x"}]}, "slipway_pre_analysis[0].type", "use one"),
    ("pre-analysis, no such field", before(**UP, intervall=1), "slipway_pre_analysis[0].intervall", "remove"),
    ("pre-analysis, no number", before(**UP, interval="x"), "slipway_pre_analysis[0]", "health_gate"),
    (
        "pre-analysis that is too long",
        before(**UP, interval=50, count=5),
        "slipway_pre_analysis[0]",
        "slipway_lease_seconds to at least 400",
    ),
    (
        "pre-analysis without a preview",
        {**before(**UP), "slipway_rollout": "rolling"},
        "slipway_pre_analysis",
        "slipway_analysis",
    ),
    ("smoke check with a URL", smoke(url="http://h/"), "slipway_smoke_checks[0].url", "remove url"),
    (
        "a list as text",
        {"slipway_server_names": "a.example"},
        "slipway_server_names",
        """'{"slipway_server_names": [...]}'""",
    ),
    ("a list as JSON text", {"slipway_smoke_checks": "[]"}, "slipway_smoke_checks", "-e @<file>"),
    ("a mapping as text", {"slipway_sticky": "by=address"}, "slipway_sticky", """'{"slipway_sticky": {...}}'"""),
    (
        "a component as text",
        {"slipway_components": [WEB, "name=mailer kind=worker command=x"]},
        "slipway_components[1]",
        """'{"slipway_components": ...}'""",
    ),
    (
        "ports as text",
        components(ports="blue=8081,green=8082"),
        "slipway_components[0].ports",
        """'{"slipway_components": ...}'""",
    ),
    ("an empty value", {"slipway_balancer_port": None}, "slipway_balancer_port", "remove slipway_balancer_port"),
    ("a hook without a name", hook(name=None), "slipway_hooks[0].name", "set slipway_hooks[0].name"),
    ("a hook with blanks in its name", hook(name="a b"), "slipway_hooks[0].name", "letters, digits"),
    ("two hooks of one name", {"slipway_hooks": [WARM, WARM]}, "slipway_hooks[1].name", "its own name"),
    ("a hook at no point", hook(at=None), "slipway_hooks[0].at", "before_slots"),
    (
        "a hook at an unknown point",
        hook(at="before_lunch"),
        "slipway_hooks[0].at",
        "one of migrate, before_slots, before_traffic",
    ),
    ("a hook that does nothing", hook(command=None), "slipway_hooks[0].command", "give one of them"),
    ("a hook that does two things", hook(url="http://h/"), "slipway_hooks[0].command", "give one of them"),
    ("a hook's command empty", hook(command=" "), "slipway_hooks[0].command", "in one line"),
    ("a hook's command with an open quote", hook(command="echo 'a"), "slipway_hooks[0].command", "in one line"),
    ("a hook's command of two lines", hook(command="a\nb"), "slipway_hooks[0].command", "sh -c"),
    ("a hook of an unknown field", hook(when="now"), "slipway_hooks[0].when", "remove it"),
    ("a hook on unknown hosts", hook(hosts="app1"), "slipway_hooks[0].hosts", "one of controller, ledger"),
    ("a hook as somebody else on the controller", hook(user="bob"), "slipway_hooks[0].user", "remove it"),
    ("a hook of a malformed user", hook(user="a b", hosts="ledger"), "slipway_hooks[0].user", "at most 32"),
    ("a call as somebody", call(user="bob", hosts="ledger"), "slipway_hooks[0].user", "remove it"),
    ("a hook without time", hook(timeout=0), "slipway_hooks[0].timeout", "use 1 to"),
    ("a hook longer than the lease", hook(timeout=200), "slipway_lease_seconds", "more than 300"),
    (
        "a lease that hooks make too short",
        {**hook(), "slipway_lease_seconds": 200},
        "slipway_lease_seconds",
        "than 225",
    ),
    ("headers of a command", hook(headers={"A": "b"}), "slipway_hooks[0].headers", "remove"),
    ("a call by ftp", call(url="ftp://h/"), "slipway_hooks[0].url", "http"),
    ("a call with a password", call(url="https://me:s3cr3t@h/"), "slipway_hooks[0].url", "into headers"),
    ("a header of a malformed name", call(headers={"A b": "s3cr3t"}), "slipway_hooks[0].headers", "correct it"),
    ("a header of each call", call(headers={"Content-Length": "1"}), "slipway_hooks[0].headers", "remove it"),
    ("a header of several lines", call(headers={"A": "s3cr3t\nB: c"}), "slipway_hooks[0].headers", "line break"),
    ("a header of a list", call(headers={"A": ["s3cr3t"]}), "slipway_hooks[0].headers", "quote the value"),
    ("headers as text", call(headers="Authorization: s3cr3t"), "slipway_hooks[0].headers", "a mapping"),
    ("a url that is a mapping", call(url={"to": ["T0B1"]}), "slipway_hooks[0].url", "write it like"),
    ("a hook as text", {"slipway_hooks": ["https://chat.example/T0B1"]}, "slipway_hooks", "a list of mappings"),
    ("hooks as text", {"slipway_hooks": "https://chat.example/T0B1"}, "slipway_hooks", "a list"),
    ("virtual address malformed", {"slipway_virtual_address": "10.0.0"}, "slipway_virtual_address", "10.0.0.10"),
]


@pytest.mark.parametrize(("changes", "where", "remedy"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_one_wrong_variable_is_named_with_a_remedy(
    tmp_path: Path, changes: dict[str, Any], where: str, remedy: str
) -> None:
    with pytest.raises(InputProblems) as refused:
        accepted(tmp_path, **changes)
    assert refused.value.where == where
    assert remedy in refused.value.remedy
    assert refused.value.others == []
    assert refused.value.message().startswith(f"{where}: ")
    assert not [secret for secret in ("s3cr3t", "T0B1") if secret in str(refused.value.as_result())]


@pytest.mark.parametrize(("group", "purpose"), [("application", "application hosts"), ("balancers", "balancer hosts")])
def test_a_group_without_hosts_is_named(tmp_path: Path, group: str, purpose: str) -> None:
    with pytest.raises(InputProblems) as refused:
        validate(good(tmp_path), {**GROUPS, group: []}, base=tmp_path)
    assert refused.value.where == f"group {group}"
    assert purpose in refused.value.what


def test_a_port_of_the_application_and_of_the_balancer_collide_on_one_host_only(tmp_path: Path) -> None:
    variables = {**good(tmp_path), "slipway_balancer_port": 8081}
    assert validate(variables, GROUPS, base=tmp_path).balancer_port == 8081
    with pytest.raises(InputProblems) as refused:
        validate(variables, {**GROUPS, "balancers": ["app1"]}, base=tmp_path)
    assert refused.value.where == "slipway_balancer_port"


@pytest.mark.parametrize(
    ("changes", "verb"),
    [
        ({"slipway_keep_warm": 86401}, "deploy"),
        ({"slipway_keep_warm": 301, "slipway_watch": {"seconds": 0}}, "deploy"),
        ({"slipway_keep_warm": 60, "slipway_rollout": "rolling"}, "deploy"),
        ({"slipway_keep_warm": 60}, "rollback"),
        ({"slipway_keep_warm": 60, "slipway_reason": "errors"}, "abort"),
    ],
)
def test_a_keep_warm_time_that_outlasts_the_rest_or_does_not_apply(
    tmp_path: Path, changes: dict[str, Any], verb: str
) -> None:
    found = validate({**good(tmp_path), **changes}, GROUPS, verb=verb, base=tmp_path)
    assert found.keep_warm == changes["slipway_keep_warm"]
    assert accepted(tmp_path).keep_warm == 0


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputProblems) as refused:
        accepted(tmp_path, slipway_app="Shop", slipway_keep_revisions=0, slipway_rollout="x")
    result = refused.value.as_result()
    assert result["error"]["where"] == "slipway_rollout"
    assert [text.split(":")[0] for text in result["error"]["others"]] == ["slipway_app", "slipway_keep_revisions"]
    assert result["msg"].endswith("(2 more in error.others)")


def test_a_rule_does_not_judge_what_could_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputProblems) as refused:
        accepted(tmp_path, slipway_ready_deadline="x", slipway_lease_seconds=1)
    assert [problem.where for problem in [refused.value, *refused.value.others]] == ["slipway_ready_deadline"]


def test_a_variable_that_ansible_cannot_evaluate_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputProblems) as refused:
        validate(good(tmp_path), GROUPS, base=tmp_path, undefined={"slipway_artifact": "'x' is undefined"})
    assert refused.value.where == "slipway_artifact"
    assert "'x' is undefined" in refused.value.what


def test_no_secret_looking_value_of_the_configuration_is_shown(tmp_path: Path) -> None:
    with pytest.raises(InputProblems) as refused:
        accepted(tmp_path, slipway_config={"PIN": 739218})
    assert "739218" not in str(refused.value.as_result())


@pytest.mark.parametrize("where", ["preview", "public", "both"])
def test_a_smoke_check_is_a_path_or_a_command_somewhere(tmp_path: Path, where: str) -> None:
    inputs = accepted(tmp_path, **command(where=where, timeout=20))
    assert inputs.smoke_checks == [{"command": "/opt/smoke --all", "where": where, "timeout": 20}]
    assert accepted(tmp_path, **smoke(where=where)).smoke_checks == [{"path": "/health", "where": where}]


def test_a_pre_analysis_may_take_half_of_the_lease_and_name_the_slot(tmp_path: Path) -> None:
    query = 'up{slot="<slot>"}'
    metric = {**UP, "query": query, "success_condition": "canary >= stable", "interval": 50, "count": 4}
    assert accepted(tmp_path, **before(**metric)).pre_analysis == [metric]


def test_what_is_accepted_is_complete(tmp_path: Path) -> None:
    inputs = accepted(tmp_path)
    assert inputs.application_hosts == ["app1", "app2"]
    assert inputs.artifact == str(tmp_path / "shop.tar.gz")
    assert inputs.user == "slipway-shop"
    assert inputs.schema_range is None
    assert inputs.components[0]["health"] == dict.fromkeys(("live", "ready", "started"), "/health/ready")
    assert inputs.components[1]["ports"] == {}
    assert inputs.warnings == []


def test_hooks_are_complete_and_of_other_shapes_too(tmp_path: Path) -> None:
    given = [{**WARM, "hosts": "application", "user": "shop", "timeout": "30"}, {**TELL, "hosts": "ledger"}]
    warm, tell = accepted(tmp_path, slipway_hooks=given).hooks
    assert (warm["timeout"], warm["url"], warm["headers"]) == (30, None, {})
    assert (tell["timeout"], tell["command"], tell["user"]) == (60, None, "")


def test_a_handover_stops_nothing_that_answers_requests(tmp_path: Path) -> None:
    components = [{**WEB, "stop_timeout": 200}, MAILER]
    assert accepted(tmp_path, slipway_components=components, slipway_lease_seconds=201).lease_seconds == 201


@pytest.mark.parametrize("verb", ["abort", "rollback"])
def test_a_way_back_is_not_refused_for_a_handover(tmp_path: Path, verb: str) -> None:
    given = {**good(tmp_path), **worker(stop_timeout=110), "slipway_lease_seconds": 160, "slipway_reason": "errors"}
    with pytest.raises(InputProblems, match="handover"):
        validate(given, GROUPS, base=tmp_path)
    assert validate(given, GROUPS, verb=verb, base=tmp_path).lease_seconds == 160


def test_a_lease_need_not_be_longer_where_there_are_no_hooks(tmp_path: Path) -> None:
    assert accepted(tmp_path, slipway_lease_seconds=200).hooks == []


def test_another_runner_of_migrations_may_take_longer_than_the_lease(tmp_path: Path) -> None:
    assert accepted(tmp_path, **hook(at="migrate", timeout=7200)).hooks[0]["timeout"] == 7200
    with pytest.raises(InputProblems, match="do not outlast slipway_hooks"):
        accepted(tmp_path, **call(at="migrate", timeout=7200))


def test_a_string_from_the_command_line_is_converted(tmp_path: Path) -> None:
    inputs = accepted(
        tmp_path, slipway_lease_seconds="400", slipway_reason="night", slipway_force="yes", **smoke(timeout="10")
    )
    assert (inputs.lease_seconds, inputs.force) == (400, True)


@pytest.mark.parametrize("sticky", [{"by": "cookie", "name": "a_b"}, {"by": "header", "name": "X-User"}])
def test_what_the_inputs_accept_the_balancers_accept_too(tmp_path: Path, sticky: dict[str, str]) -> None:
    accepted(tmp_path, slipway_sticky=sticky)
    servers = {slot: {"app1": f"192.0.2.1:{port}"} for slot, port in WEB["ports"].items()}
    given = {"schema": 1, "app": "shop", "kind": "nginx", "servers": servers, "sticky": sticky}
    assert BalancerConfig.from_dict(given).sticky.name == sticky["name"]


@pytest.mark.parametrize("artifact", ["https://h/x.tar.gz", "git+https://h/x.git#v1", "git+../x#main"])
def test_an_address_stays_as_it_is(tmp_path: Path, artifact: str) -> None:
    assert accepted(tmp_path, slipway_artifact=artifact).artifact == artifact


def test_variables_of_the_lab_are_not_judged(tmp_path: Path) -> None:
    assert accepted(tmp_path, slipway_lab_name="x").app == "shop"


def test_a_ledger_on_a_balancer_is_advised_against(tmp_path: Path) -> None:
    assert "slipway_ledger_host" in accepted(tmp_path, slipway_ledger_host="lb1").warnings[0]


@pytest.mark.parametrize("verb", ["rollback", "validate"])
def test_only_a_deployment_needs_version_and_artifact(tmp_path: Path, verb: str) -> None:
    variables = {**good(tmp_path), "slipway_version": None, "slipway_artifact": None}
    assert validate(variables, GROUPS, verb=verb, base=tmp_path).verb == verb


def _every_option(name: str, declared: dict[str, Any], judge: Callable[[str, dict[str, Any]], None]) -> None:
    judge(name, declared)
    for inner, option in declared.get("options", {}).items():
        _every_option(f"{name}.{inner}", option, judge)


@pytest.mark.parametrize("name", SPEC)
def test_every_variable_is_documented(name: str) -> None:
    def judge(where: str, declared: dict[str, Any]) -> None:
        assert declared["description"].endswith("."), where
        assert declared["type"], where
        assert declared["type"] != "int" or "units" in declared or where.startswith("slipway_schema_range"), where

    assert name.startswith("slipway_")
    _every_option(name, SPEC[name], judge)


@pytest.mark.parametrize("count", [{}, {"count": 6}])
def test_a_metric_that_fits_every_watched_step_is_accepted(tmp_path: Path, count: dict[str, int]) -> None:
    assert accepted(tmp_path, **CANARY, slipway_analysis=[{**ERRORS, **count}]).canary_steps[1]["pause"] == 60


def test_a_judge_is_not_measured_at_100_percent_so_that_a_short_bake_does_not_matter(tmp_path: Path) -> None:
    judge = {**JUDGE, "level": 0.05, "must_pass": False}
    assert accepted(tmp_path, **CANARY, slipway_bake=5, slipway_analysis=[judge]).bake == 5
    assert accepted(tmp_path, slipway_rollout="rolling", slipway_batch_pause=30, slipway_analysis=[judge])
    assert accepted(tmp_path, slipway_rollout="blue_green", slipway_bake=5, slipway_analysis=[judge])


def test_a_rollback_is_not_refused_for_what_its_canary_would_have_measured(tmp_path: Path) -> None:
    variables = {**good(tmp_path), **CANARY, "slipway_analysis": [{**ERRORS, "count": 100}]}
    assert validate(variables, GROUPS, verb="rollback", base=tmp_path).analysis


def test_a_watch_is_enough_for_metrics_of_one_slot_and_has_defaults(tmp_path: Path) -> None:
    alone = {**ERRORS, "failure_condition": "canary.errors > 5"}
    found = accepted(tmp_path, slipway_analysis=[alone], slipway_watch={"seconds": 172800})
    assert found.watch == {"seconds": 172800, "interval": 10, "failures": 3, "window": 600, "on_error": "keep"}
    assert accepted(tmp_path).watch["seconds"] == 86400


def test_testers_may_be_the_only_ones_in_the_first_step(tmp_path: Path) -> None:
    steps = [{"percent": 0, "pause": 60}, {"percent": 10}]
    made = accepted(tmp_path, slipway_rollout="canary", slipway_canary_steps=steps, slipway_canary_match=TESTERS)
    assert made.canary_match == [
        {"header": "X-User-Segment", "values": ["beta", "staff"]},
        {"cookie": "canary", "values": ["1"]},
    ]
