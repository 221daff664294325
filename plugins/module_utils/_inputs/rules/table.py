# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of rules, in the order in which their findings are told. Touches nothing."""

from __future__ import annotations

from . import (
    analysis,
    checks,
    components,
    evidence,
    fleet,
    hooks,
    migrations,
    regions,
    release,
    rollout,
    run,
    timing,
    watch,
)
from .base import BALANCER_PORTS, Rule

RULES = (
    Rule(("slipway_app",), release.app),
    Rule(("slipway_version",), release.version),
    Rule(("slipway_artifact",), release.artifact),
    Rule(("slipway_artifact_sha256",), release.artifact_sha256),
    Rule(("slipway_components",), components.components),
    Rule(("slipway_components",), components.order),
    Rule(("slipway_components", *BALANCER_PORTS), components.ports),
    Rule(("slipway_config",), release.config),
    Rule(("slipway_shared_directories",), release.shared_directories),
    Rule(("slipway_schema_range",), release.schema_range),
    Rule(("slipway_app", "slipway_user"), release.user),
    Rule(("slipway_server_names",), fleet.server_names),
    Rule(("slipway_sticky",), fleet.sticky),
    Rule((), fleet.groups),
    Rule(("slipway_regions",), regions.groups),
    Rule(("slipway_regions",), regions.hosts),
    Rule(("slipway_regions", "slipway_region"), regions.asked),
    Rule(("slipway_regions", "slipway_canary_steps", "slipway_approvals"), regions.parking),
    Rule(("slipway_ledger_host",), fleet.ledger_host),
    Rule(
        (
            "slipway_bake",
            "slipway_batch_pause",
            "slipway_region_bake",
            "slipway_lease_seconds",
            "slipway_drain_deadline",
            "slipway_ready_deadline",
            "slipway_ready_interval",
            "slipway_ready_successes",
        ),
        timing.durations,
    ),
    Rule(
        (
            "slipway_lease_seconds",
            "slipway_drain_deadline",
            "slipway_ready_deadline",
            "slipway_components",
            "slipway_hooks",
            "slipway_profile",
            "slipway_rollout",
        ),
        timing.lease,
    ),
    Rule(
        ("slipway_keep_warm", "slipway_watch", "slipway_lease_seconds", "slipway_rollout"),
        timing.keep_warm,
    ),
    Rule(("slipway_approvals",), rollout.approvals),
    Rule(("slipway_canary_match",), rollout.canary_match),
    Rule(("slipway_canary_steps", "slipway_canary_match"), rollout.canary_steps),
    Rule(("slipway_batches",), rollout.batches),
    Rule(
        (
            "slipway_analysis",
            "slipway_bake",
            "slipway_batch_pause",
            "slipway_canary_steps",
            "slipway_rollout",
            "slipway_watch",
        ),
        analysis.analysis,
    ),
    Rule(("slipway_pre_analysis", "slipway_lease_seconds", "slipway_rollout"), analysis.pre_analysis),
    Rule(("slipway_loss_budget",), rollout.loss_budget),
    Rule(("slipway_profile",), evidence.profile),
    Rule(("slipway_metrics_directory",), evidence.metrics_directory),
    Rule(("slipway_keep_revisions",), release.keep_revisions),
    Rule(("slipway_rollback_to",), run.rollback_to),
    Rule(("slipway_skip", "slipway_reason", "slipway_force", "slipway_adopt_ledger"), run.reasons),
    Rule(("slipway_smoke_checks", "slipway_rollout"), checks.smoke_checks),
    Rule(("slipway_hooks",), hooks.hooks),
    Rule(("slipway_hooks",), watch.hooks_on_return),
    Rule(("slipway_watch",), watch.watch),
    Rule(("slipway_migrations",), migrations.migrations),
    Rule(
        ("slipway_migrate_action", "slipway_migrate_phase", "slipway_migrate_to", "slipway_migrate_from"),
        migrations.action,
    ),
    Rule(("slipway_migrate_action", "slipway_approvals", "slipway_force"), migrations.approval),
    Rule(("slipway_contract_after", "slipway_contract_checks", "slipway_dual_writes"), migrations.contract),
    Rule(("slipway_virtual_address",), fleet.virtual_address),
)
