# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable an operator sets, as one Ansible argument spec: type, unit, default and description.

Touches nothing. The key `units` is for readers; validators ignore it. What has `no_log` is shown in no
message.
"""

from __future__ import annotations

from typing import Any

from .audit import VARIABLES as AUDIT_VARIABLES
from .change import VARIABLES as CHANGE_VARIABLES
from .checklist import VARIABLES as CHECKLIST_VARIABLES
from .flags import VARIABLES as FLAG_VARIABLES
from .migrations import VARIABLES as MIGRATION_VARIABLES
from .notifications import VARIABLES as NOTIFICATION_VARIABLES
from .reports import VARIABLES as REPORT_VARIABLES

KINDS = ("http", "worker", "singleton", "scheduled")
SLOTS = ("blue", "green")
ROLLOUTS = ("blue_green", "canary", "rolling", "simple")
BALANCERS = ("nginx", "haproxy")
SKIPPABLE = ("hooks", "migrations", "smoke", "steady")
STICKY = ("cookie", "header", "address", "request")
MIGRATE_POINT = "migrate"
RUN_POINTS = (MIGRATE_POINT, "before_slots", "before_traffic", "after_step", "before_settle", "after_settle", "on_undo")
HOOK_POINTS = (*RUN_POINTS, "on_return")
BEFORE_MIGRATIONS = "before_migrations"
APPROVAL_POINTS = (BEFORE_MIGRATIONS, "before_traffic", "before_settle")
ON_REGION_FAILURE = ("leave", "return")
HOOK_HOSTS = ("controller", "ledger", "balancers", "application")

PORTS: dict[str, Any] = {
    "blue": {"type": "int", "required": True, "units": "port", "description": "Port of the slot C(blue)."},
    "green": {"type": "int", "required": True, "units": "port", "description": "Port of the slot C(green)."},
}

HEALTH: dict[str, Any] = {
    "ready": {
        "type": "str",
        "required": True,
        "units": "path",
        "description": "Path that answers 2xx when the instance may take traffic.",
    },
    "live": {
        "type": "str",
        "units": "path",
        "description": "Path that answers 2xx while the instance works; the path of C(ready) when omitted.",
    },
    "started": {
        "type": "str",
        "units": "path",
        "description": "Path that answers 2xx once the instance has started; the path of C(ready) when omitted.",
    },
}

CANARY_STEP: dict[str, Any] = {
    "percent": {
        "type": "int",
        "required": True,
        "units": "percent",
        "description": "Share of the traffic, 1 to 99; the first step may have C(0), which only requests that "
        "O(slipway_canary_match) names reach.",
    },
    "pause": {"type": "int", "default": 0, "units": "seconds", "description": "How long the step is watched."},
    "approval": {
        "type": "bool",
        "default": False,
        "description": "Whether the deployment is parked after the step until another operator approves it.",
    },
    "park": {
        "type": "int",
        "default": 0,
        "units": "seconds",
        "description": "How long the deployment is parked after the step at least; the run ends meanwhile.",
    },
}

CANARY_MATCH: dict[str, Any] = {
    "header": {"type": "str", "default": "", "description": "Name of a header. Either this or C(cookie)."},
    "cookie": {"type": "str", "default": "", "description": "Name of a cookie."},
    "values": {
        "type": "list",
        "elements": "str",
        "required": True,
        "description": "The whole value must be one of these, in exactly this spelling.",
    },
}

LOSS_BUDGET: dict[str, Any] = {
    "path": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "What is asked for; the path C(ready) of the first C(http) component when omitted.",
    },
    "rate": {
        "type": "int",
        "default": 50,
        "units": "requests a second",
        "description": "How much is asked of each balancer, up to 1000; C(0) measures nothing.",
    },
    "before": {"type": "int", "default": 1, "units": "seconds", "description": "How long before the move, up to 60."},
    "after": {"type": "int", "default": 1, "units": "seconds", "description": "How long after the move, up to 60."},
    "max_lost": {"type": "int", "default": 0, "units": "requests", "description": "How many a move may lose."},
}

WATCH: dict[str, Any] = {
    "seconds": {
        "type": "int",
        "default": 86400,
        "units": "seconds",
        "description": "How long the balancers watch after the run, at most seven days; C(0) is not at all.",
    },
    "interval": {
        "type": "int",
        "default": 10,
        "units": "seconds",
        "description": "How often each balancer asks for the public address and the smoke checks.",
    },
    "failures": {
        "type": "int",
        "default": 3,
        "units": "checks",
        "description": "How often in a row one of these must fail.",
    },
    "window": {
        "type": "int",
        "default": 600,
        "units": "seconds",
        "description": "By how much of the past a metric is judged that has no C(count), or no C(window), of its own.",
    },
    "on_error": {
        "type": "str",
        "default": "keep",
        "choices": ["keep", "return"],
        "description": "What happens when a metric's source cannot be asked: the traffic stays, which status.yml says, "
        "or it returns.",
    },
}

PROFILE: dict[str, Any] = {
    "seconds": {
        "type": "int",
        "default": 0,
        "units": "seconds",
        "description": "How long is measured, up to 60; C(0) measures nothing.",
    },
    "rate": {
        "type": "int",
        "default": 50,
        "units": "requests a second",
        "description": "How much is asked, through the first balancer, 1 to 1000.",
    },
    "path": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "What is asked for; the path C(ready) of the first C(http) component when omitted.",
    },
    "max_ratio": {
        "type": "str",
        "default": "",
        "units": "decimal number",
        "description": "How many times the p95 latency of the revision before may be reached, such as C(1.5); judges "
        "nothing when empty.",
    },
    "on_exceeded": {
        "type": "str",
        "default": "warn",
        "choices": ["warn", "fail"],
        "description": "C(warn) says so; C(fail) also returns the traffic, and the deployment fails.",
    },
}

HOOK: dict[str, Any] = {
    "name": {"type": "str", "required": True, "description": "Name of the hook, unique in the list."},
    "at": {
        "type": "str",
        "required": True,
        "choices": list(HOOK_POINTS),
        "description": "When it runs: C(migrate) where the database is migrated, before anything is placed and not in "
        "a rollback; C(before_slots) before anything is placed; C(before_traffic) when the slots are "
        "gated and nothing has moved; C(after_step) after each step or batch has been judged; C(before_settle) when "
        "all traffic is on the new revision; C(after_settle) when the deployment is active; C(on_undo) on the way "
        "back, after the traffic has returned; C(on_return), on the C(balancers), when O(slipway_watch) has returned "
        "the traffic after the run.",
    },
    "command": {
        "type": "str",
        "description": "Program with its arguments, split as a shell does it and run without one; it succeeds with "
        "exit status 0. Either this or C(url).",
    },
    "url": {
        "type": "str",
        "no_log": True,
        "units": "http or https",
        "description": "Where a JSON document is posted; an answer of 200 to 299 is success, no redirect is followed. "
        "Only the host is ever shown.",
    },
    "hosts": {
        "type": "str",
        "default": "controller",
        "choices": list(HOOK_HOSTS),
        "description": "Where it runs, once on each host: C(controller), as the user who runs Ansible, C(ledger), "
        "C(balancers) or C(application).",
    },
    "user": {
        "type": "str",
        "default": "",
        "description": "User that a C(command) on hosts becomes; that of the connection when omitted.",
    },
    "timeout": {
        "type": "int",
        "default": 60,
        "units": "seconds",
        "description": "How long it may take; then it is killed with all that it has started, and has failed.",
    },
    "headers": {
        "type": "dict",
        "default": {},
        "no_log": True,
        "description": "More headers for a C(url). Their values are shown nowhere.",
    },
}

COMPONENT: dict[str, Any] = {
    "name": {"type": "str", "required": True, "description": "Name of the component, unique in the application."},
    "kind": {
        "type": "str",
        "required": True,
        "choices": list(KINDS),
        "description": "C(http) answers requests, C(worker) consumes a queue, C(singleton) runs at most once "
        "anywhere, C(scheduled) runs by a calendar.",
    },
    "command": {
        "type": "str",
        "required": True,
        "description": "Command line, started in the directory of the release with PORT, SLOT and RELEASE set.",
    },
    "ports": {
        "type": "dict",
        "options": PORTS,
        "description": "Port of each slot; required for C(http), refused for the other kinds.",
    },
    "health": {
        "type": "dict",
        "options": HEALTH,
        "description": "Health paths; required for C(http), refused for the other kinds.",
    },
    "after": {
        "type": "list",
        "elements": "str",
        "default": [],
        "description": "Components that are started, and ready, before this one starts, and that stop after it.",
    },
    "overlap": {
        "type": "bool",
        "default": False,
        "description": "Whether two revisions of this C(worker) may consume at the same time.",
    },
    "schedule": {
        "type": "str",
        "default": "",
        "units": "OnCalendar expression of systemd",
        "description": "When a C(scheduled) component runs.",
    },
    "stop_timeout": {
        "type": "int",
        "default": 30,
        "units": "seconds",
        "description": "How long an instance may take to end after SIGTERM; a run of a C(scheduled) component has that "
        "time to finish before it gets one.",
    },
    "environment": {"type": "dict", "default": {}, "description": "Environment of this component alone."},
    "memory_max": {
        "type": "str",
        "default": "",
        "units": "bytes, with a suffix K, M, G or T if wanted",
        "description": "Memory limit of one instance; preflight adds these up for the second slot.",
    },
}

SPEC: dict[str, dict[str, Any]] = {
    "slipway_app": {
        "type": "str",
        "required": True,
        "description": "Name of the application: lower-case letters, digits and hyphens, at most 31 characters.",
    },
    "slipway_version": {
        "type": "str",
        "default": "",
        "description": "Version to deploy, as a quoted string. Required to deploy, ignored by a rollback.",
    },
    "slipway_artifact": {
        "type": "str",
        "default": "",
        "description": "Archive or directory on the controller, C(http(s)) URL, or "
        "C(git+<repository>#<ref>). Required to deploy, ignored by a rollback.",
    },
    "slipway_artifact_sha256": {
        "type": "str",
        "default": "",
        "units": "64 hexadecimal digits",
        "description": "SHA-256 that the artifact must have.",
    },
    "slipway_components": {
        "type": "list",
        "elements": "dict",
        "options": COMPONENT,
        "required": True,
        "description": "The components that the application is made of.",
    },
    "slipway_config": {
        "type": "dict",
        "default": {},
        "description": "Environment of all components, strings only. Part of the revision. Not for secrets.",
    },
    "slipway_shared_directories": {
        "type": "list",
        "elements": "str",
        "default": [],
        "units": "paths relative to the release",
        "description": "Directories that outlive revisions and are shared by both slots.",
    },
    "slipway_schema_range": {
        "type": "dict",
        "options": {
            "min": {"type": "int", "required": True, "description": "Oldest database schema version that works."},
            "max": {"type": "int", "required": True, "description": "Newest database schema version that works."},
        },
        "description": "Database schema versions that the release works with.",
    },
    "slipway_user": {
        "type": "str",
        "default": "",
        "description": "System user that the components run as; C(slipway-<app>) when omitted.",
    },
    "slipway_rollout": {
        "type": "str",
        "default": "blue_green",
        "choices": list(ROLLOUTS),
        "description": "How a revision becomes active.",
    },
    "slipway_canary_steps": {
        "type": "list",
        "elements": "dict",
        "default": [{"percent": 10, "pause": 300}, {"percent": 25, "pause": 300}, {"percent": 50, "pause": 600}],
        "options": CANARY_STEP,
        "description": "Shares of the traffic that the C(canary) gets one after the other; all of it follows.",
    },
    "slipway_approvals": {
        "type": "list",
        "elements": "str",
        "default": [],
        "description": "Where a deployment is parked until another operator approves it: C(before_migrations), when "
        "files of migrations are due and nothing was touched, C(before_traffic), when the slots are gated and nothing "
        "has moved, and C(before_settle), when the new revision has all the traffic. A rollback waits for nobody; a "
        "deployment that moves no traffic waits at C(before_migrations) alone.",
    },
    "slipway_deployment": {
        "type": "str",
        "default": "",
        "description": "Deployment that approve.yml approves, as status.yml shows it; whichever is parked when empty.",
    },
    "slipway_self_approval": {
        "type": "bool",
        "default": False,
        "description": "Let approve.yml take the approval of the user who has begun the deployment, or has run it to "
        "where it is parked.",
    },
    "slipway_canary_match": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": CANARY_MATCH,
        "description": "Requests of testers and user segments, which reach the C(canary) in every step, whatever its "
        "share; one entry that matches is enough. site.yml writes them into the balancers.",
    },
    "slipway_analysis": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": True,
        "description": "Metrics that every watched step must pass, as module C(health_gate) takes them, measured from "
        "each balancer. C(count) fits the step when omitted; C(haproxy), C(nginx_log) and C(judge) compare the slots "
        "by themselves, others where what they ask has C(<slot>) in it.",
    },
    "slipway_pre_analysis": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": True,
        "description": "Metrics that the new slot must pass before traffic moves with C(blue_green) or C(canary), as "
        "module C(health_gate) takes them, measured from each balancer: C(prometheus), C(http_json) or C(sql). A "
        "rollback leaves them out.",
    },
    "slipway_batches": {
        "type": "list",
        "elements": "str",
        "default": ["1"],
        "units": "hosts, or percent of all hosts",
        "description": "How many hosts C(rolling) changes over at once, batch by batch, such as C([1, 25%, 100%]); the "
        "last entry holds for all that follow.",
    },
    "slipway_batch_pause": {
        "type": "int",
        "default": 30,
        "units": "seconds",
        "description": "How long C(rolling) watches a batch before the next one.",
    },
    "slipway_bake": {
        "type": "int",
        "default": 0,
        "units": "seconds",
        "description": "How long a revision that has all the traffic is watched before the deployment is settled.",
    },
    "slipway_watch": {
        "type": "dict",
        "default": {},
        "options": WATCH,
        "description": "After the run, with C(blue_green) and C(canary), the balancers go on judging the public "
        "address, the smoke checks and O(slipway_analysis), and return the traffic to the old slot by themselves.",
    },
    "slipway_keep_warm": {
        "type": "int",
        "default": 0,
        "units": "seconds, 0 for ever",
        "description": "How long, with C(blue_green) and C(canary), the old slot goes on running once all balancers "
        "have settled on the new one; then it is stopped, and a rollback starts it first. Longer than "
        "O(slipway_watch) and O(slipway_lease_seconds).",
    },
    "slipway_regions": {
        "type": "list",
        "elements": "str",
        "default": [],
        "description": "Inventory groups, at most six, that are deployed one after the other in this order, each with "
        "balancers, application hosts and a ledger of its own. They are children of the group C(slipway_regions). "
        "A rollback takes them in reverse order.",
    },
    "slipway_region": {
        "type": "str",
        "default": "",
        "description": "The one of O(slipway_regions) that is rolled back or aborted, or whose lease is released; all "
        "of them when empty.",
    },
    "slipway_region_bake": {
        "type": "int",
        "default": 0,
        "units": "seconds",
        "description": "How long, on top of O(slipway_bake), a region with all its traffic on the new revision is "
        "watched before it is settled and the next region starts. The last one is not.",
    },
    "slipway_regions_on_failure": {
        "type": "str",
        "default": "leave",
        "choices": list(ON_REGION_FAILURE),
        "description": "What becomes of the regions that a deployment has changed when a later one fails: C(leave) "
        "them on the new revision, or C(return) them, the last one first.",
    },
    "slipway_loss_budget": {
        "type": "dict",
        "default": {},
        "options": LOSS_BUDGET,
        "description": "What a move of traffic may lose. It is measured through each balancer; what exceeds it moves "
        "the traffic back, unless C(slipway_force) is set or requests were lost before already. A rollback has none.",
    },
    "slipway_profile": {
        "type": "dict",
        "default": {},
        "options": PROFILE,
        "description": "Measures how a revision that has all the traffic answers, before the deployment is settled; "
        "kept in its evidence, and compared with the profile of the revision before. A rollback has none.",
    },
    "slipway_balancer": {
        "type": "str",
        "default": "nginx",
        "choices": list(BALANCERS),
        "description": "Program that balances the traffic on the hosts of the group C(balancers).",
    },
    "slipway_balancer_port": {
        "type": "int",
        "default": 80,
        "units": "port",
        "description": "Port on which the balancers serve the application.",
    },
    "slipway_preview_port": {
        "type": "int",
        "default": 8480,
        "units": "port",
        "description": "Port on which the balancers serve the spare slot.",
    },
    "slipway_agent_port": {
        "type": "int",
        "default": 8470,
        "units": "port",
        "description": "Port on which the agents of the balancers tell each other their state; one per application.",
    },
    "slipway_status_port": {
        "type": "int",
        "default": 8471,
        "units": "port",
        "description": "Loopback port on which nginx says what it does; one per application.",
    },
    "slipway_server_names": {
        "type": "list",
        "elements": "str",
        "default": ["_"],
        "description": "Host names that the balancers answer to; C(_) is any.",
    },
    "slipway_sticky": {
        "type": "dict",
        "options": {
            "by": {
                "type": "str",
                "required": True,
                "choices": list(STICKY),
                "description": "What identifies a user; C(request) spreads every request on its own.",
            },
            "name": {"type": "str", "default": "", "description": "Name of the cookie or the header."},
        },
        "default": {"by": "cookie", "name": "slipway"},
        "description": "What keeps a user in one slot.",
    },
    "slipway_ledger_host": {
        "type": "str",
        "required": True,
        "description": "Inventory host that keeps the ledger; preferably not a balancer.",
    },
    "slipway_lease_seconds": {
        "type": "int",
        "default": 300,
        "units": "seconds",
        "description": "How long a deployment stays in charge without a sign of life; longer than every deadline, and "
        "with C(rolling), C(simple) or O(slipway_hooks) longer than one and a half times every deadline, that of a "
        "C(command) at C(migrate) aside.",
    },
    "slipway_drain_deadline": {
        "type": "int",
        "default": 30,
        "units": "seconds",
        "description": "How long requests in flight may take before a slot is stopped or overwritten.",
    },
    "slipway_keep_revisions": {
        "type": "int",
        "default": 5,
        "units": "revisions",
        "description": "How many revisions stay on an application host.",
    },
    "slipway_ready_deadline": {
        "type": "int",
        "default": 150,
        "units": "seconds",
        "description": "How long a new instance may take to become ready.",
    },
    "slipway_ready_interval": {
        "type": "int",
        "default": 1,
        "units": "seconds",
        "description": "Time between two readiness checks.",
    },
    "slipway_ready_successes": {
        "type": "int",
        "default": 3,
        "units": "checks",
        "description": "How many readiness checks in a row must pass.",
    },
    "slipway_rollback_to": {
        "type": "str",
        "default": "previous",
        "description": "C(previous), C(latest_good), or a version, or the identifier of a revision, that is kept on "
        "the application hosts.",
    },
    "slipway_force": {
        "type": "bool",
        "default": False,
        "description": "Go on where a refusal names this variable; recorded with O(slipway_reason).",
    },
    "slipway_adopt_ledger": {
        "type": "bool",
        "default": False,
        "description": "Go on with a ledger that is not the one the hosts know, because that was lost or restored "
        "from a backup; they pin this one from then on. Recorded with O(slipway_reason).",
    },
    "slipway_skip": {
        "type": "list",
        "elements": "str",
        "default": [],
        "description": "What to leave out: C(hooks), C(migrations), C(smoke), or C(steady), which is to look while a "
        "step is watched whether an instance refuses connections. Recorded with O(slipway_reason).",
    },
    "slipway_reason": {
        "type": "str",
        "default": "",
        "description": "Why something is forced, skipped, aborted, approved or released; recorded in the ledger.",
    },
    **AUDIT_VARIABLES,
    "slipway_root_cause": {
        "type": "str",
        "default": "",
        "description": "Why O(slipway_deployment) was undone, returned or rolled back, which root_cause.yml records.",
    },
    **CHANGE_VARIABLES,
    **CHECKLIST_VARIABLES,
    "slipway_smoke_checks": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": True,
        "description": "Checks of the new slot from each balancer, through the preview address before traffic moves, "
        "and through the public one after it: a C(path) to ask for, or a C(command) to run; C(where) (C(preview), "
        "C(public), C(both)); and whatever else such a check of module C(health_gate) takes.",
    },
    "slipway_hooks": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": True,
        "options": HOOK,
        "description": "Commands and URLs that are run at fixed points of a deployment, in this order. One that fails "
        "ends the deployment, which goes back; C(after_settle) only warns, and C(on_undo) does not stop the way back.",
    },
    **MIGRATION_VARIABLES,
    **FLAG_VARIABLES,
    **NOTIFICATION_VARIABLES,
    "slipway_virtual_address": {
        "type": "str",
        "default": "",
        "units": "address, with a prefix length if wanted",
        "description": "Address that keepalived moves between the balancers; none when empty.",
    },
    "slipway_evidence_directory": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "Directory on the controller that keeps a copy of the evidence of each deployment, as "
        "C(<app>/<deployment>.json); C(~/.slipway/evidence) when empty. In a container, such as an execution "
        "environment of AWX, one that outlives it.",
    },
    "slipway_metrics_directory": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "Directory on the ledger host in which metrics of deployments are written, for the textfile "
        "collector of Prometheus; none when empty. site.yml makes it.",
    },
    **REPORT_VARIABLES,
    "slipway_status_file": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "File on the controller that status.yml writes its report to, as JSON; none when empty.",
    },
    "slipway_address": {
        "type": "str",
        "default": "",
        "units": "address",
        "description": "Of each host: address at which the other hosts reach it.",
    },
}
