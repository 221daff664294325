# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a checklist. Touches nothing."""

from __future__ import annotations

from typing import Any

ITEMS = (
    "config_lint",
    "placeholder_audit",
    "debug_off",
    "secrets",
    "security_scan",
    "unit_tests",
    "staging_smoke",
    "flags_known",
    "backup",
    "health",
    "change_request",
)
AFTER_ITEMS = (
    "running",
    "smoke_tests",
    "metrics",
    "health",
    "log_errors",
    "flags_set",
    "migrations_done",
    "audit_log",
    "backup",
    "alerts",
    "acceptance",
    "incident_report",
)
BEFORE, AFTER = "before", "after"
PHASES = (BEFORE, AFTER)
LOG_PATTERN = r"\b(?:ERROR|CRITICAL|FATAL)\b|^Traceback "
ENFORCEMENTS = ("none", "warn", "block")
_PATHS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}

ALLOWED: dict[str, Any] = {
    "item": {
        "type": "str",
        "required": True,
        "choices": sorted({*ITEMS, *AFTER_ITEMS}),
        "description": "Item that finds it.",
    },
    "place": {
        "type": "str",
        "required": True,
        "description": "File, or another place, as the finding has it, without the line; C(*) stands for any signs.",
    },
    "what": {"type": "str", "default": "*", "description": "What is found, in the same way."},
    "reason": {"type": "str", "required": True, "description": "Why it may be so. It is kept as evidence."},
}
BACKUP: dict[str, Any] = {
    "path": {
        "type": "str",
        "description": "On the controller, a directory whose newest file counts, or a JSON file with C(finished).",
    },
    "url": {"type": "str", "no_log": True, "description": "Where such JSON is; only the host and the path are shown."},
    "max_age": {"type": "int", "default": 86400, "units": "seconds", "description": "How old it may be."},
}
OF_AFTER: dict[str, Any] = {
    "required": {
        "type": "list",
        "elements": "str",
        "choices": list(AFTER_ITEMS),
        "default": [],
        "description": "Items that checklist.yml must not skip after a deployment.",
    },
    "errors_below": {
        "type": "int",
        "default": 1,
        "units": "percent",
        "description": "Fewer than so many of the requests that were measured must have failed.",
    },
    "p95_below": {
        "type": "int",
        "default": 2000,
        "units": "milliseconds",
        "description": "95 of 100 requests of the profile must be answered within less.",
    },
    "log_pattern": {
        "type": "str",
        "default": LOG_PATTERN,
        "units": "regular expression",
        "description": "A line of the log that it matches is an error, as is one of the priority C(err) or above.",
    },
    "log_errors": {
        "type": "int",
        "default": 0,
        "units": "lines a host",
        "description": "So many errors may be logged since the deployment has begun.",
    },
    "alerts": {
        "type": "str",
        "default": "",
        "no_log": True,
        "description": "Where Prometheus (C(/api/v1/alerts)) or Alertmanager (C(/api/v2/alerts)) says what fires.",
    },
    "acceptance": {
        "type": "str",
        "default": "",
        "no_log": True,
        "description": "File or URL of JSON with the C(sha256) of the artifact and the C(verdict) C(pass) of those who "
        "have accepted it.",
    },
}
OPTIONS: dict[str, Any] = {
    "enforcement": {
        "type": "str",
        "default": "block",
        "choices": list(ENFORCEMENTS),
        "description": "Whether an item that fails blocks the deployment, warns, or is only said. After a deployment "
        "C(block) fails checklist.yml; deploy.yml warns.",
    },
    "required": {
        "type": "list",
        "elements": "str",
        "choices": list(ITEMS),
        "default": [],
        "description": "Items that must not be skipped. Those of O(slipway_compliance) are required as well.",
    },
    "release": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "The release on the controller, a directory or a tar archive; O(slipway_artifact) when that is "
        "a path.",
    },
    "environment": {
        **_PATHS,
        "units": "paths",
        "description": "Files and directories with the configuration of the environment.",
    },
    "placeholders": {
        **_PATHS,
        "units": "regular expressions",
        "description": "More placeholders that must not be left.",
    },
    "security": {**_PATHS, "units": "paths", "description": "Reports of scanners: SARIF, or JSON of Trivy or Grype."},
    "tests": {**_PATHS, "units": "paths", "description": "Results of tests, as JUnit XML."},
    "coverage": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "Report of coverage, as XML of Cobertura or as JSON of coverage.py.",
    },
    "coverage_least": {
        "type": "int",
        "default": 80,
        "units": "percent",
        "description": "More than so much of the lines must be covered.",
    },
    "staging": {
        "type": "str",
        "default": "",
        "no_log": True,
        "description": "File or URL of JSON with the C(sha256) of the artifact and the C(verdict) C(pass) of its smoke "
        "tests on staging.",
    },
    "backup": {"type": "dict", "default": {}, "options": BACKUP, "description": "The newest backup."},
    "health": {
        "type": "list",
        "elements": "str",
        "default": [],
        "no_log": True,
        "units": "http or https",
        "description": "Addresses of what serves the users now, each of which answers 2xx to the controller.",
    },
    "allow": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": ALLOWED,
        "description": "Findings that do not count.",
    },
    "after": {
        "type": "dict",
        "default": {},
        "options": OF_AFTER,
        "description": "What is looked at after a deployment, beside C(health) and C(backup).",
    },
}
