# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When each alert fires and when it stays silent, as series for ``promtool test rules``.

A series has a sample a minute, from minute 0 on; the test looks at ``MINUTE``, or a day and an hour later where an
alert compares with yesterday. Times are seconds since the epoch, on which the tests of promtool begin at 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MINUTE = 100
A_DAY_LATER = 1500
LOOKED_AT = {"LowThroughput": A_DAY_LATER}
NOW = MINUTE * 60
DAY = 86400
Series = Mapping[str, str]


def steady(value: float) -> str:
    """The same value all the time."""
    return f"{value}+0x{A_DAY_LATER}"


def rising(by: float) -> str:
    """A counter."""
    return f"0+{by}x{A_DAY_LATER}"


def only_at_first(by: float, minutes: int) -> str:
    """A counter that stops."""
    return f"0+{by}x{minutes} {by * minutes}+0x{A_DAY_LATER - minutes}"


LEDGER = '{app="shop",instance="db1"}'
RESULT = 'slipway_deployment_result{{app="shop",instance="db1",result="{}"}}'
UNDER_WAY, PARKED = f"deploy_under_way{LEDGER}", f"deploy_parked{LEDGER}"
LEASE, STARTED = f"deploy_lease_expires_timestamp_seconds{LEDGER}", f"deploy_started_timestamp_seconds{LEDGER}"
BACKEND = 'haproxy_backend_http_responses_total{{proxy="slipway-shop-green",instance="lb1",code="{}"}}'
LOGGED = 'nginxlog_http_response_count_total{{app="shop",status="{}"}}'
FRONTEND = 'haproxy_frontend_http_requests_total{proxy="public",instance="lb1"}'
BUCKET = 'nginxlog_http_response_time_seconds_hist_bucket{{app="shop",le="{}"}}'
AVERAGE = 'haproxy_backend_response_time_average_seconds{proxy="slipway-shop-green"}'
CONNECTIONS = 'pg_stat_activity_count{{instance="db1",state="{}"}}'
MOST_CONNECTIONS = 'pg_settings_max_connections{instance="db1"}'
WAITING = 'pgbouncer_pools_client_waiting_connections{database="shop"}'
SINCE_BACKUP = 'pgbackrest_backup_since_last_completion_seconds{{stanza="main",backup_type="{}"}}'
DISK = 'node_filesystem_{}_bytes{{instance="app1",mountpoint="/",fstype="{}"}}'
MEMORY = 'node_memory_{}_bytes{{instance="app1"}}'
SMOKE = 'slipway_smoke_tests_failed{app="shop",instance="db1"}'
ACTIVE_SERVERS = 'haproxy_backend_active_servers{{proxy="slipway-shop-{}",instance="lb1"}}'
EXPIRES = 'probe_ssl_earliest_cert_expiry{instance="shop.example"}'
RESTARTS = 'node_systemd_service_restart_total{name="slipway-shop-web@green.service",instance="app1"}'
LAG = 'pg_replication_lag_seconds{instance="db2"}'

FIRES: dict[str, list[Series]] = {
    "DeploymentFailed": [{RESULT.format("failed"): steady(1)}, {RESULT.format("abandoned"): steady(1)}],
    "DeploymentUnfinished": [{UNDER_WAY: steady(1), PARKED: steady(0)}],
    "DeploymentLeaseExpired": [{UNDER_WAY: steady(1), LEASE: steady(NOW - 300)}],
    "DeploymentTakesLong": [{STARTED: steady(NOW - 7800), PARKED: steady(0)}],
    "SmokeTestsFailed": [{SMOKE: steady(1), RESULT.format("active"): steady(1)}],
    "ComplianceViolation": [{f"deploy_exceptions{LEDGER}": steady(1)}],
    "AuditLogBroken": [{'audit_last_verify_success{stream="deployments"}': steady(0)}],
    "AuditLogUnverified": [{'audit_last_verify_timestamp_seconds{stream="deployments"}': steady(NOW - 2 * DAY - 3600)}],
    "ApplicationDown": [{'probe_success{instance="shop.example"}': steady(0)}],
    "NoServerInRotation": [{ACTIVE_SERVERS.format("blue"): steady(0), ACTIVE_SERVERS.format("green"): steady(0)}],
    "CrashLoop": [{RESTARTS: rising(1)}],
    "HighErrorRate": [
        {BACKEND.format("5xx"): rising(6), BACKEND.format("2xx"): rising(94)},
        {LOGGED.format("502"): rising(6), LOGGED.format("200"): rising(94)},
    ],
    "HighLatency": [
        {AVERAGE: steady(2.5)},
        {BUCKET.format("1"): rising(10), BUCKET.format("5"): rising(100), BUCKET.format("+Inf"): rising(100)},
    ],
    "LowThroughput": [
        {FRONTEND: only_at_first(600, 200)},
        {'nginx_http_requests_total{instance="lb1"}': only_at_first(600, 200)},
    ],
    "ConnectionPoolExhausted": [
        {WAITING: steady(1)},
        {
            CONNECTIONS.format("active"): steady(50),
            CONNECTIONS.format("idle"): steady(45),
            MOST_CONNECTIONS: steady(100),
        },
    ],
    "ReplicaLag": [{LAG: steady(31)}],
    "ReplicaLagLong": [{LAG: steady(301)}],
    "BackupMissing": [
        {SINCE_BACKUP.format("full"): steady(7 * DAY), SINCE_BACKUP.format("diff"): steady(27 * 3600)},
        {'pgbackrest_stanza_status{stanza="main"}': steady(1)},
    ],
    "HostDown": [{'up{job="node",instance="app1"}': steady(0)}],
    "DiskFilling": [{DISK.format("avail", "ext4"): steady(19), DISK.format("size", "ext4"): steady(100)}],
    "DiskFull": [{DISK.format("avail", "ext4"): steady(4), DISK.format("size", "ext4"): steady(100)}],
    "MemoryHigh": [{MEMORY.format("MemAvailable"): steady(14), MEMORY.format("MemTotal"): steady(100)}],
    "CertificateExpires": [{EXPIRES: steady(NOW + 20 * DAY)}],
    "CertificateExpiresSoon": [{EXPIRES: steady(NOW + 6 * DAY)}],
}

STAYS_SILENT: dict[str, list[Series]] = {
    "DeploymentFailed": [{RESULT.format("failed"): steady(0), RESULT.format("active"): steady(1)}],
    "DeploymentUnfinished": [
        {UNDER_WAY: steady(1), PARKED: steady(1)},
        {UNDER_WAY: steady(1), PARKED: steady(0), LEASE: steady(NOW + 300)},
        {UNDER_WAY: steady(0), PARKED: steady(0)},
    ],
    "DeploymentLeaseExpired": [
        {UNDER_WAY: steady(1), LEASE: steady(NOW + 300)},
        {UNDER_WAY: steady(0), LEASE: steady(NOW - 300)},
    ],
    "DeploymentTakesLong": [
        {STARTED: steady(NOW - 7000), PARKED: steady(0)},
        {STARTED: steady(NOW - 7800), PARKED: steady(1)},
    ],
    "SmokeTestsFailed": [
        {SMOKE: steady(0), RESULT.format("active"): steady(1)},
        {SMOKE: steady(1), RESULT.format("active"): steady(0)},
    ],
    "ComplianceViolation": [{f"deploy_exceptions{LEDGER}": steady(0)}],
    "AuditLogBroken": [{'audit_last_verify_success{stream="deployments"}': steady(1)}],
    "AuditLogUnverified": [{'audit_last_verify_timestamp_seconds{stream="deployments"}': steady(NOW - DAY)}],
    "ApplicationDown": [{'probe_success{instance="shop.example"}': steady(1)}],
    "NoServerInRotation": [{ACTIVE_SERVERS.format("blue"): steady(0), ACTIVE_SERVERS.format("green"): steady(1)}],
    "CrashLoop": [{RESTARTS: only_at_first(1, 20)}, {RESTARTS.replace("slipway-shop", "cron"): rising(1)}],
    "HighErrorRate": [
        {BACKEND.format("5xx"): rising(4), BACKEND.format("2xx"): rising(96)},
        {LOGGED.format("404"): rising(50), LOGGED.format("200"): rising(50), LOGGED.format("502"): rising(4)},
    ],
    "HighLatency": [
        {AVERAGE: steady(1.5)},
        {BUCKET.format("1"): rising(99), BUCKET.format("5"): rising(100), BUCKET.format("+Inf"): rising(100)},
    ],
    "LowThroughput": [{FRONTEND: rising(600)}, {FRONTEND: only_at_first(30, 200)}],
    "ConnectionPoolExhausted": [
        {WAITING: steady(0)},
        {
            CONNECTIONS.format("active"): steady(50),
            CONNECTIONS.format("idle"): steady(35),
            MOST_CONNECTIONS: steady(100),
        },
    ],
    "ReplicaLag": [{LAG: steady(29)}],
    "ReplicaLagLong": [{LAG: steady(299)}],
    "BackupMissing": [
        {SINCE_BACKUP.format("full"): steady(7 * DAY), SINCE_BACKUP.format("diff"): steady(25 * 3600)},
        {'pgbackrest_stanza_status{stanza="main"}': steady(0)},
    ],
    "HostDown": [{'up{job="node",instance="app1"}': steady(1)}],
    "DiskFilling": [
        {DISK.format("avail", "ext4"): steady(21), DISK.format("size", "ext4"): steady(100)},
        {DISK.format("avail", "tmpfs"): steady(1), DISK.format("size", "tmpfs"): steady(100)},
    ],
    "DiskFull": [{DISK.format("avail", "ext4"): steady(6), DISK.format("size", "ext4"): steady(100)}],
    "MemoryHigh": [{MEMORY.format("MemAvailable"): steady(16), MEMORY.format("MemTotal"): steady(100)}],
    "CertificateExpires": [{EXPIRES: steady(NOW + 22 * DAY)}],
    "CertificateExpiresSoon": [{EXPIRES: steady(NOW + 8 * DAY)}],
}


def document(rules: str) -> str:
    """All cases as a file of ``promtool test rules``.

    :param rules: path of the file with the rules.
    """
    tests = [
        _test(name, series, fires)
        for table, fires in ((FIRES, True), (STAYS_SILENT, False))
        for name, many in table.items()
        for series in many
    ]
    return json.dumps({"rule_files": [rules], "evaluation_interval": "1m", "tests": tests})


def _test(name: str, series: Series, fires: bool) -> dict[str, Any]:
    looked_at = {
        "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
        "eval_time": f"{LOOKED_AT.get(name, MINUTE)}m",
        "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
    }
    given = [{"series": name, "values": values} for name, values in series.items()]
    return {
        "name": f"{name} {'fires' if fires else 'stays silent'}",
        "interval": "1m",
        "input_series": given,
        "promql_expr_test": [looked_at],
    }
