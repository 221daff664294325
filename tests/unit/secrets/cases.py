# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module with a secret in each option that may carry one, and the ways in which its task goes wrong.

The secret of an option is named ``<module>.<option>``, with the names of the options above it.
"""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from tests.unit.secrets.canaries import canary, core, in_url
from tools.environments import TOP

MODULES = sorted(path.stem for path in (TOP / "plugins" / "modules").glob("*.py"))
UNKNOWN = "misspelt"
AS_IT_IS = "as it is"
UNKNOWN_OPTION = "an unknown option"
OF_SECRETS = ("headers", "secret_headers", "secrets", "secret_placeholders")
# Neither takes a credential, an address with one or a text of the operator that may be one.
WITHOUT_SECRETS = frozenset(
    {
        "audit_verify",
        "checklist",  # shows no value that it reads, which tests of its own say
        "compliance_report",  # reads audit logs, in which secrets are masked
        "deployment_plan",  # reads the operator's variables, with which the playbooks are tested
        "deployment_report",  # reads evidence and audit logs, in which there are none
        "host_info",
        "ledger_info",
        "log_info",  # counts lines of the journal and returns none
        "lb_info",
        "release_info",
        "stage_verdict",
    }
)
Case = dict[str, Any]


def _url(name: str, port: int) -> str:
    return f"http://user:{in_url(f'{name}.userinfo')}@127.0.0.1:{port}/path?token={in_url(f'{name}.query')}"


def _dsn(name: str, port: int) -> str:
    return f"host=127.0.0.1 port={port} user=shop dbname=shop password='{canary(name)}' connect_timeout=1"


def _header(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {canary(name)}"}


def _audit(me: str, root: Path) -> dict[str, Any]:
    """The audit log of an audited module, elsewhere than that of this computer."""
    secrets = {"values": [canary(f"{me}.audit.values")], "hash_key": canary(f"{me}.audit.hash_key")}
    return {"stream": "deployments", "directory": str(root / "audit"), "hash": ["details.name"], **secrets}


def agent_place(port: int, root: Path) -> list[Case]:
    return [{"library": str(root / "library"), "audit": _audit("agent_place", root)}]


def audit_emit(port: int, root: Path) -> list[Case]:
    me = "audit_emit"
    names = ("url", "headers", "bearer_token", "dsn", "access_key", "secret_key", "session_token")
    named = {name: f"{me}.sinks.{name}" for name in names}
    return [
        {
            "stream": "deployments",
            "directory": str(root / "audit"),
            "checkpoint_directory": str(root / "checkpoints"),
            "events": [
                {
                    "type": "deployment",
                    "operation": "deploy",
                    "outcome": "success",
                    "details": {
                        "card": canary(f"{me}.events.details"),
                        "note": f"paid with {canary(f'{me}.redaction.values')}",
                    },
                }
            ],
            "redaction": {
                "mask": ["details.card"],
                "values": [canary(f"{me}.redaction.values")],
                "key": canary(f"{me}.redaction.key"),
            },
            "signing_passphrase": canary(f"{me}.signing_passphrase"),
            "sink_timeout": 2,
            "sinks": [
                {
                    "type": "http",
                    "url": _url(named["url"], port),
                    "headers": {"X-Token": canary(named["headers"])},
                    "bearer_token": canary(named["bearer_token"]),
                },
                {"type": "postgresql", "dsn": _dsn(named["dsn"], port)},
                {
                    "type": "s3",
                    "bucket": "audit",
                    "endpoint_url": f"http://127.0.0.1:{port}",
                    "region": "eu-west-1",
                    "access_key": "AKIAEXAMPLE",
                    "secret_key": canary(named["secret_key"]),
                    "session_token": canary(named["session_token"]),
                },
            ],
        }
    ]


def change_gate(port: int, root: Path) -> list[Case]:
    name = "change_gate.policy.approvals"
    return [
        {
            "app": "shop",
            "environment": "production",
            "artifact_sha256": "a" * 64,
            "change": {"id": "CR-1", "author": "dev"},
            "policy": {
                "timezone": "UTC",
                "people": {"eva": ["eva"], "dev": ["dev"]},
                "groups": {"lead": ["eva"]},
                "approvals": {
                    "groups": ["lead"],
                    "url": _url(f"{name}.url", port).replace("http:", scheme),
                    "headers": _header(f"{name}.headers"),
                },
            },
        }
        for scheme in ("http:", "https:")
    ]


def _store(me: str, kind: str, port: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "url": _url(f"{me}.store.url", port) if kind == "rest" else f"http://127.0.0.1:{port}",
        "secret_headers": _header(f"{me}.store.secret_headers"),
        "timeout": 2,
        **(
            {
                "token": canary(f"{me}.store.token"),
                "client_token": canary(f"{me}.store.client_token"),
                "environment": "production",
            }
            if kind == "unleash"
            else {}
        ),
    }


def flag_info(port: int, root: Path) -> list[Case]:
    return [{"names": ["search"], "store": _store("flag_info", kind, port)} for kind in ("rest", "unleash")]


def flag_restore(port: int, root: Path) -> list[Case]:
    asked = {"flags": [{"name": "search", "strategy": "full"}], "seconds": 2, "audit": _audit("flag_restore", root)}
    return [{**asked, "store": _store("flag_restore", kind, port)} for kind in ("rest", "unleash")]


def flag_set(port: int, root: Path) -> list[Case]:
    evaluator = {
        "url": _url("flag_set.evaluator.url", port),
        "secret_headers": _header("flag_set.evaluator.secret_headers"),
        "timeout": 2,
    }
    file = {"kind": "flagd", "path": str(root / "flags.json"), "create": True}
    stores = [file, *(_store("flag_set", kind, port) for kind in ("rest", "unleash"))]
    asked = {"name": "search", "strategy": "full", "verify": 0, "audit": _audit("flag_set", root)}
    return [{**asked, "store": store, "evaluator": evaluator} for store in stores]


def _checks(me: str, port: int) -> list[dict[str, Any]]:
    quick = {"timeout": 1, "deadline": 1, "interval": 1}
    return [
        {
            "name": "page",
            "type": "http",
            "url": f"http://127.0.0.1:{port}/?token={in_url(f'{me}.checks.url.query')}",
            "secret_headers": _header(f"{me}.checks.secret_headers"),
            **quick,
        },
        {"name": "primary", "type": "sql", "dsn": _dsn(f"{me}.checks.dsn", port), "query": "SELECT 1", **quick},
        {
            "name": "program",
            "type": "command",
            "argv": ["sh", "-c", "exit 3"],
            "environment": {"API_TOKEN": canary(f"{me}.checks.environment")},
            **quick,
        },
    ]


def metrics(me: str, port: int) -> list[dict[str, Any]]:
    quick = {"interval": 1, "count": 1, "timeout": 1, "success_condition": "result > 0", "query": "up"}
    of = f"{me}.metrics"
    return [
        {
            "name": "with a password",
            "type": "prometheus",
            "url": f"http://127.0.0.1:{port}/?token={in_url(f'{of}.url.query')}",
            "username": "ops",
            "password": canary(f"{of}.password"),
            **quick,
        },
        {
            "name": "with a token",
            "type": "prometheus",
            "url": f"http://127.0.0.1:{port}/",
            "bearer_token": canary(f"{of}.bearer_token"),
            **quick,
        },
        {
            "name": "with a header",
            "type": "prometheus",
            "url": f"http://127.0.0.1:{port}/",
            "secret_headers": {"X-Token": canary(f"{of}.secret_headers")},
            **quick,
        },
        {"name": "of a database", "type": "sql", "dsn": _dsn(f"{of}.dsn", port), **quick, "query": "SELECT 1"},
    ]


def health_gate(port: int, root: Path) -> list[Case]:
    me = "health_gate"
    refused = {"name": "a", "type": "http", "url": _url(f"{me}.checks.url", port), "timeout": 1, "deadline": 1}
    credential = {**refused, "url": f"http://127.0.0.1:{port}/", "headers": _header(f"{me}.checks.headers")}
    return [
        {"checks": _checks(me, port), "deadline": 3, "fail_fast": False},
        {"metrics": metrics(me, port), "deadline": 4, "fail_fast": False},
        {"checks": [refused], "deadline": 2},
        {"checks": [credential], "deadline": 2},
    ]


def hook_run(port: int, root: Path) -> list[Case]:
    return [
        {
            "name": "tell",
            "url": _url("hook_run.url", port),
            "headers": _header("hook_run.headers"),
            "timeout": 2,
            "audit": _audit("hook_run", root),
        }
    ]


def lb_structure(port: int, root: Path) -> list[Case]:
    servers = {"blue": {"app1": "192.0.2.1:1"}, "green": {"app1": "192.0.2.1:2"}}
    config = {"schema": 1, "app": "canaries", "kind": "nginx", "servers": servers}
    files = [{"path": str(root / "canaries.conf"), "content": "# nothing"}]
    return [{"config": config, "files": files, "audit": _audit("lb_structure", root)}]


def lb_switch(port: int, root: Path) -> list[Case]:
    me = "lb_switch.watch"
    hook = {"name": "tell", "url": _url(f"{me}.hooks", port), "headers": _header(f"{me}.hooks.headers")}
    return [
        {
            "app": "canaries",
            "stable": "green",
            "settle": True,
            "audit": _audit("lb_switch", root),
            "watch": {
                "deployment": "d1",
                "slot": "green",
                "return_to": {"blue": 100, "green": 0},
                "seconds": 60,
                "metrics": json.dumps(metrics(me, port)),
                "checks": json.dumps(_checks(me, port)),
                "hooks": json.dumps([hook]),
            },
        }
    ]


def ledger(port: int, root: Path) -> list[Case]:
    return [{"app": "canaries", "command": "release", "reason": "a test", "audit": _audit("ledger", root)}]


def channels(of: str, port: int) -> list[dict[str, Any]]:
    """A notification channel of each kind with each of its secrets."""
    address = f"http://127.0.0.1:{port}/refused"
    secret = f"{address}/{in_url(f'{of}.url')}?token={in_url(f'{of}.url.query')}"
    mail = {"host": "127.0.0.1", "port": port, "from": "a@example.net", "to": ["b@example.net"]}
    return [
        {"channel": "slack", "url": secret},
        {
            "channel": "webhook",
            "url": secret,
            "headers": _header(f"{of}.headers"),
            "hmac_key": canary(f"{of}.hmac_key"),
        },
        {"channel": "pagerduty", "url": secret, "routing_key": canary(f"{of}.routing_key")},
        {"channel": "grafana", "url": f"{address}/{in_url(f'{of}.url')}", "token": canary(f"{of}.token")},
        {"channel": "otlp", "url": f"{address}/{in_url(f'{of}.url')}", "headers": _header(f"{of}.headers")},
        {"channel": "email", "user": "ops", "password": canary(f"{of}.password"), "security": "tls", **mail},
    ]


def notify(port: int, root: Path) -> list[Case]:
    of = "notify.channels"
    refused = {"channel": "webhook", "url": _url(f"{of}.url", port)}
    told = {"event": "undone", "app": "shop", "deployment": "d1", "reason": "a test", "seconds": 1}
    return [{**told, "channels": [*channels(of, port), refused]}]


def _database(me: str, port: int, root: Path) -> dict[str, Any]:
    return {"dsn": _dsn(f"{me}.dsn", port), "connect_timeout": 1, "audit": _audit(me, root)}


def _migrations(me: str, port: int) -> dict[str, Any]:
    return {
        "dsn": _dsn(f"{me}.dsn", port),
        "connect_timeout": 1,
        "path": str(TOP / "tests" / "fixtures" / "migrate"),
        "secret_placeholders": {"password": canary(f"{me}.secret_placeholders")},
    }


def pg_backfill(port: int, root: Path) -> list[Case]:
    more = {"name": "fill", "table": "orders", "set": {"total": "0"}, "where": "total IS NULL"}
    return [{**_database("pg_backfill", port, root), **more, "retry_deadline": 1, "lock_deadline": 1}]


def pg_dual_write(port: int, root: Path) -> list[Case]:
    columns = {"table": "orders", "column": "total", "new_column": "sum", "retry_deadline": 1, "lock_deadline": 1}
    return [{**_database("pg_dual_write", port, root), **columns}]


def pg_migrate(port: int, root: Path) -> list[Case]:
    more = {"scratch_dsn": _dsn("pg_migrate.scratch_dsn", port), "audit": _audit("pg_migrate", root)}
    return [{**_migrations("pg_migrate", port), **more, "lock_deadline": 1}]


def pg_migrate_info(port: int, root: Path) -> list[Case]:
    return [_migrations("pg_migrate_info", port)]


def release_place(port: int, root: Path) -> list[Case]:
    me = "release_place"
    revision = {
        "schema": 1,
        "version": "1.0.0",
        "sha256": "a" * 64,
        "components": [],
        "config": {},
    }
    plain = {
        "app": "canaries",
        "slot": "blue",
        "revision": revision,
        "artifact": f"http://127.0.0.1:{port}/shop.tar.gz",
        "artifact_query": f"token={in_url(f'{me}.artifact_query')}",
        "headers": _header(f"{me}.headers"),
        "secrets": {"API_TOKEN": canary(f"{me}.secrets")},
        "secrets_key": canary(f"{me}.secrets_key"),
        "fetch_timeout": 1,
        "fetch_deadline": 1,
        "audit": _audit(me, root),
    }
    return [plain, {**plain, "artifact": _url(f"{me}.artifact", port)}]


def traffic_meter(port: int, root: Path) -> list[Case]:
    return [{"url": _url("traffic_meter.url", port), "duration": 1, "rate": 2, "timeout": 1, "connections": 1}]


CASES: dict[str, Callable[[int, Path], list[Case]]] = {
    made.__name__: made
    for made in (
        agent_place,
        audit_emit,
        change_gate,
        flag_info,
        flag_restore,
        flag_set,
        health_gate,
        hook_run,
        lb_structure,
        lb_switch,
        ledger,
        notify,
        pg_backfill,
        pg_dual_write,
        pg_migrate,
        pg_migrate_info,
        release_place,
        traffic_meter,
    )
}


def gone_wrong(case: Case) -> Iterator[tuple[str, Case]]:
    """The task of a case, and as operators get it wrong."""
    yield AS_IT_IS, case
    yield UNKNOWN_OPTION, {**case, UNKNOWN: 1}
    yield "unknown sub-options", everywhere(case, lambda found: {**found, UNKNOWN: 1}, top=False)
    yield "secrets under misspelt names", everywhere(case, misspelt)
    yield "secrets of a wrong type", everywhere(case, of_another_type)


def holds_secret(value: Any) -> bool:
    """Whether this is a text with a secret in it."""
    return isinstance(value, str) and any(sign in value for sign in ('"/+', "%22%2F%2B"))


def any_secret(value: Any) -> bool:
    """Whether there is a secret somewhere in a value."""
    if isinstance(value, dict):
        return any(map(any_secret, value.values()))
    return any(map(any_secret, value)) if isinstance(value, list) else holds_secret(value)


def _is_secret(value: Any) -> bool:
    """Whether this is a secret, or a list of some."""
    return holds_secret(value) or (isinstance(value, list) and any(map(holds_secret, value)))


def misspelt(found: dict[str, Any]) -> dict[str, Any]:
    """The options under names that nobody knows, where they hold secrets."""
    return {(f"{name}x" if _is_secret(value) or name in OF_SECRETS else name): value for name, value in found.items()}


def of_another_type(found: dict[str, Any]) -> dict[str, Any]:
    """The options with mappings in place of secrets."""
    return {name: ({"value": value} if _is_secret(value) else value) for name, value in found.items()}


def everywhere(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]], *, top: bool = True) -> Any:
    """A value in which every mapping is changed, the outermost one only on request."""
    if isinstance(value, dict):
        inner = {name: everywhere(item, change) for name, item in value.items()}
        return change(inner) if top else inner
    if isinstance(value, list):
        return [everywhere(item, change) for item in value]
    return copy.copy(value)


class _Declared(Exception):
    """What a module hands to Ansible."""


def declared(module: str) -> dict[str, Any]:
    """The argument spec of a module; empty for one whose action does the work."""
    found = importlib.import_module(f"ansible_collections.slipway.release.plugins.modules.{module}")
    if module == "change_gate":
        spec = importlib.import_module("ansible_collections.slipway.release.plugins.module_utils._change.spec")
        return {"policy": {"options": spec.POLICY}}
    if not hasattr(found, "main"):
        return {}
    with mock.patch.object(found, "AnsibleModule", side_effect=lambda argument_spec, **_more: _raise(argument_spec)):
        try:
            found.main()
        except _Declared as exc:
            return dict(exc.args[0])
    raise ValueError(f"{module} makes no AnsibleModule")


def _raise(spec: dict[str, Any]) -> None:
    raise _Declared(spec)


def secret_options(spec: dict[str, Any], above: str) -> Iterator[str]:
    """Names of the options that are declared as secret, with those above them."""
    for name, option in spec.items():
        if option.get("no_log"):
            yield f"{above}.{name}"
        yield from secret_options(option.get("options") or {}, f"{above}.{name}")


def all_cases(port: int, root: Path) -> str:
    """Everything that the cases hold, as text."""
    return json.dumps([made(port, root) for made in CASES.values()])


def has_secret_of(option: str, text: str) -> bool:
    """Whether a secret of this option, or of a part of it, stands in the text."""
    parts = ("", ".userinfo", ".query", ".password", ".headers", ".url.query")
    return any(core(f"{option}{part}") in text for part in parts)
