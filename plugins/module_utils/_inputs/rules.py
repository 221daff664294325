# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that types cannot express, as small pure functions: each yields what is wrong with some variables.

Reads the file system of the controller only to see whether an artifact exists; changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from .._analysis import spec as metric_spec
from .._analysis.arguments import METRIC
from .._analysis.factory import SOURCES
from .._balancer.config import PATH, STICKY_NAME
from .._checks.build import smoke_checks as built_checks
from .._checks.metrics import needed, step_metrics
from .._common.errors import InputError
from .._gate.arguments import CHECK
from .._gate.spec import parse
from .._hooks import spec as hook_spec
from .._release.revision import RESERVED_ENVIRONMENT
from .batches import SIZE
from .edge import Unconvertible, convert_options
from .spec import SKIPPABLE, SLOTS

APP = re.compile(r"[a-z][a-z0-9-]{0,30}")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+~-]{0,63}")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
COMPONENT = re.compile(r"[a-z][a-z0-9-]{0,30}")
HOOK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MEMORY = re.compile(r"[1-9][0-9]*[KMGT]?|[1-9][0-9]?%")
SERVER_NAME = re.compile(
    r"_|(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
URL = re.compile(r"https?://[!-.0-~]+/[!-~]*")
GIT = re.compile(r"git\+[^\s#]+#[^\s#]+")

BACKWARDS = ("rollback", "abort", "release_lease")
REASONED = ("abort", "release_lease")
ROLLBACK_WORDS = ("previous", "latest_good")
A_DAY = 86400
LONGEST_PAUSE = 7 * A_DAY
IN_BATCHES = ("rolling", "simple")
BALANCER_PORTS = ("slipway_agent_port", "slipway_status_port", "slipway_balancer_port", "slipway_preview_port")


class Context(NamedTuple):
    """What rules may look at besides the variables."""

    verb: str
    groups: Mapping[str, list[str]]
    raw: Mapping[str, Any]
    base: Path


class Rule(NamedTuple):
    """A rule, and the variables that must have been readable for it to be judged."""

    reads: tuple[str, ...]
    judge: Callable[[dict[str, Any], Context], Iterator[InputError]]


def problem(what: str, where: str, remedy: str) -> InputError:
    """An error about a variable."""
    return InputError(what, where=where, remedy=remedy)


def app(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The name becomes part of units, paths and the user's name."""
    if not APP.fullmatch(values["slipway_app"]):
        yield problem(
            f"{values['slipway_app']!r} is not a name of an application",
            "slipway_app",
            "use lower-case letters, digits and hyphens, beginning with a letter, at most 31 characters",
        )


def version(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """YAML turns 1.10 into the number 1.1, so a version must arrive as a string."""
    raw = context.raw.get("slipway_version")
    where = "slipway_version"
    if raw is None or raw == "":
        if context.verb == "deploy":
            yield problem("it is not set", where, "say which version to deploy, such as -e slipway_version=1.4.2")
    elif not isinstance(raw, str):
        yield problem(f"{raw!r} is a number, which YAML may have shortened", where, 'quote it: slipway_version: "1.10"')
    elif not VERSION.fullmatch(raw):
        yield problem(
            f"{raw!r} is malformed", where, "use up to 64 letters, digits and . _ + ~ -, no blanks, no slashes"
        )
    elif raw in ROLLBACK_WORDS:
        yield problem(f"{raw!r} has a meaning of its own in slipway_rollback_to", where, "name the version otherwise")


def artifact(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """A path must exist on the controller; addresses are only judged by their form here."""
    text = values["slipway_artifact"]
    where = "slipway_artifact"
    if context.verb != "deploy":
        return
    if not text:
        yield problem(
            "it is not set", where, "give a path on the controller, an http(s) URL, or git+<repository>#<ref>"
        )
    elif text.startswith("git+"):
        if not GIT.fullmatch(text):
            yield problem(
                f"{masked(text)!r} names no repository and ref", where, "write git+<repository>#<tag, branch or commit>"
            )
    elif "://" in text:
        if not URL.fullmatch(text):
            yield problem(
                f"{masked(text)!r} is not an http(s) URL", where, "use http:// or https:// with a host and a path"
            )
    else:
        yield from _artifact_path(artifact_path(text, context.base), where)


def masked(text: str) -> str:
    """An address without the parts that may hold a password or a signature."""
    return re.sub(r"//[^/@]*@", "//...@", text.partition("?")[0])


def artifact_path(text: str, base: Path) -> Path:
    """Where a path in slipway_artifact points; a relative one starts at ``base``."""
    return base / Path(text).expanduser()


def _artifact_path(path: Path, where: str) -> Iterator[InputError]:
    if not path.exists():
        yield problem(
            f"{path} does not exist on the controller",
            where,
            "build the artifact first, or correct the path (a relative one starts at the working directory)",
        )
    elif not (path.is_file() or path.is_dir()):
        yield problem(f"{path} is neither a file nor a directory", where, "give an archive or a directory")


def artifact_sha256(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Whether the artifact has this checksum is seen when it is read."""
    text = values["slipway_artifact_sha256"]
    if text and not SHA256.fullmatch(text):
        yield problem(
            f"{text!r} is not a SHA-256", "slipway_artifact_sha256", "give the 64 digits that sha256sum prints"
        )


def components(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Names are unique, and exactly one component answers the balancer."""
    where = "slipway_components"
    listed = values["slipway_components"]
    answering = [component["name"] for component in listed if component["kind"] == "http"]
    if not answering:
        yield problem("there is no component of kind http", where, "add the component that answers the balancer")
    elif len(answering) > 1:
        yield problem(
            f"{', '.join(answering)} are all of kind http, a balancer serves one component of an application",
            where,
            "give each its own slipway_app, ports and deployment",
        )
    seen: set[str] = set()
    for index, component in enumerate(listed):
        name = component["name"]
        if not COMPONENT.fullmatch(name):
            yield problem(
                f"{name!r} is not a name of a component",
                f"{where}[{index}].name",
                "use lower-case letters, digits and hyphens, beginning with a letter, at most 31 characters",
            )
        if name in seen:
            yield problem(f"{name!r} is the name of two components", f"{where}[{index}].name", "give each its own name")
        seen.add(name)
        yield from _component(f"{where}[{index}]", component)


def _component(where: str, component: dict[str, Any]) -> Iterator[InputError]:
    kind = component["kind"]
    if not component["command"].strip() or "\n" in component["command"]:
        yield problem("the command is empty or has several lines", f"{where}.command", "give one command line")
    if kind == "http":
        for key, remedy in (("ports", "{blue: 8081, green: 8082}"), ("health", "{ready: /health/ready}")):
            if not component[key]:
                yield problem(f"a component of kind http needs {key}", f"{where}.{key}", f"add {key}: {remedy}")
    else:
        for key in ("ports", "health"):
            if component[key]:
                yield problem(
                    f"a component of kind {kind} has no {key}", f"{where}.{key}", f"remove {key}, or use http"
                )
    yield from _schedule(where, component)
    if component["overlap"] and kind != "worker":
        yield problem(f"a component of kind {kind} cannot overlap", f"{where}.overlap", "remove it; it is for workers")
    for key, path in (component["health"] or {}).items():
        if path is not None and not PATH.fullmatch(path):
            yield problem(
                f"{path!r} is not a path", f"{where}.health.{key}", "begin it with /, without blanks, quotes and braces"
            )
    if component["stop_timeout"] < 1:
        yield problem("it must be positive", f"{where}.stop_timeout", "give at least 1 second")
    if component["memory_max"] and not MEMORY.fullmatch(component["memory_max"]):
        yield problem(
            f"{component['memory_max']!r} is not an amount of memory", f"{where}.memory_max", "write it like 512M or 2G"
        )
    yield from _environment(f"{where}.environment", component["environment"])


def _schedule(where: str, component: dict[str, Any]) -> Iterator[InputError]:
    scheduled = component["kind"] == "scheduled"
    if scheduled and not component["schedule"].strip():
        yield problem("a scheduled component needs a schedule", f"{where}.schedule", 'add schedule: "*-*-* 03:00:00"')
    if not scheduled and component["schedule"]:
        yield problem(f"a component of kind {component['kind']} has no schedule", f"{where}.schedule", "remove it")


def _environment(where: str, variables: dict[str, Any]) -> Iterator[InputError]:
    for name, value in variables.items():
        place = f"{where}.{name}"
        if not isinstance(name, str) or not ENVIRONMENT.fullmatch(name):
            yield problem(f"{name!r} is not a name of an environment variable", place, "use letters, digits and _")
        elif name in RESERVED_ENVIRONMENT:
            yield problem(f"{name} is set by slipway for each slot", place, "rename it")
        if not isinstance(value, str):
            yield problem(
                f"the value is of type {type(value).__name__}, not a string", place, f'quote the value: {name}: "..."'
            )
        elif "\n" in value or "\0" in value:
            yield problem("the value has several lines", place, "put it into a file of the release instead")


def config(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The configuration becomes environment variables."""
    yield from _environment("slipway_config", values["slipway_config"])


def ports(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Every slot of every component has a port of its own, and the balancer's ports are others."""
    owners: dict[int, str] = {}
    for index, component in enumerate(values["slipway_components"]):
        for slot in SLOTS if component["ports"] else ():
            where = f"slipway_components[{index}].ports.{slot}"
            yield from _port(where, component["ports"][slot], owners)
    shared = set(context.groups.get("balancers", [])) & set(context.groups.get("application", []))
    taken = dict(owners) if shared else {}
    for name in BALANCER_PORTS:
        yield from _port(name, values[name], taken)


def _port(where: str, port: int, owners: dict[int, str]) -> Iterator[InputError]:
    if not 1 <= port <= 65535:
        yield problem(f"{port} is not a port", where, "use a number from 1 to 65535")
    elif port in owners:
        yield problem(f"port {port} is also that of {owners[port]}", where, "give each its own port")
    owners.setdefault(port, where)


def shared_directories(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """They are linked into the release, so they must lie inside it."""
    for index, text in enumerate(values["slipway_shared_directories"]):
        path = PurePosixPath(text)
        if not text.strip() or path.is_absolute() or ".." in path.parts or path == PurePosixPath("."):
            yield problem(
                f"{text!r} does not lie inside the release",
                f"slipway_shared_directories[{index}]",
                "give a path relative to the release, without ..",
            )


def schema_range(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """An empty range fits no database."""
    bounds = values["slipway_schema_range"]
    if bounds and not 0 <= bounds["min"] <= bounds["max"]:
        yield problem(f"{bounds['min']} to {bounds['max']} is empty", "slipway_schema_range", "give 0 <= min <= max")


def user(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Linux refuses user names above 32 characters, also the one made from the application's name."""
    name = values["slipway_user"] or f"slipway-{values['slipway_app']}"
    if not values["slipway_user"] and not APP.fullmatch(values["slipway_app"]):
        return
    if not USER.fullmatch(name):
        yield problem(
            f"{name!r} is not a name of a system user", "slipway_user", "set one of at most 32 characters a-z 0-9 _ -"
        )
    elif name == "root":
        yield problem("an application does not run as root", "slipway_user", "name an unprivileged user")


def server_names(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """They are written into the balancer's configuration."""
    if not values["slipway_server_names"]:
        yield problem("the list is empty", "slipway_server_names", "list host names, or _ for any")
    for index, name in enumerate(values["slipway_server_names"]):
        if not SERVER_NAME.fullmatch(name):
            yield problem(
                f"{name!r} is not a host name", f"slipway_server_names[{index}]", "use host names, *.example.com, or _"
            )


def sticky(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Cookies and headers have names, as the balancers take them; addresses and requests have none."""
    by, name = values["slipway_sticky"]["by"], values["slipway_sticky"]["name"]
    joint = {"cookie": "_", "header": "-"}.get(by)
    if joint and not STICKY_NAME[by].fullmatch(name):
        yield problem(
            f"{name!r} is not the name of a {by}",
            "slipway_sticky.name",
            f"use letters, digits and {joint}, beginning with a letter",
        )
    if by in ("address", "request") and name:
        yield problem(f"sticking by {by} takes no name", "slipway_sticky.name", "remove it")


def groups(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """A deployment needs application hosts and balancers."""
    for group, purpose in (("application", "application hosts"), ("balancers", "balancer hosts")):
        if not context.groups.get(group):
            yield problem(
                f"there are no {purpose}", f"group {group}", f"add hosts to the group {group} of the inventory"
            )


def ledger_host(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The ledger lives on a host that Ansible knows."""
    name = values["slipway_ledger_host"]
    if name not in context.groups.get("all", []):
        yield problem(f"{name!r} is not a host of the inventory", "slipway_ledger_host", "name a host of the inventory")


def durations(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Deadlines and counts are positive, and enough checks fit into their deadline."""
    for name in (
        "slipway_lease_seconds",
        "slipway_ready_deadline",
        "slipway_ready_interval",
        "slipway_ready_successes",
    ):
        if values[name] < 1:
            yield problem(f"{values[name]} is not positive", name, "give at least 1")
    if values["slipway_drain_deadline"] < 0:
        yield problem("it is negative", "slipway_drain_deadline", "give 0 or more seconds")
    for name in ("slipway_bake", "slipway_batch_pause"):
        if not 0 <= values[name] <= LONGEST_PAUSE:
            yield problem(f"{values[name]} is out of range", name, f"use 0 to {LONGEST_PAUSE} seconds")
    needed = values["slipway_ready_interval"] * (values["slipway_ready_successes"] - 1)
    if needed >= values["slipway_ready_deadline"] > 0:
        yield problem(
            f"the required successes alone take {needed} s",
            "slipway_ready_deadline",
            "raise it, or lower slipway_ready_interval or slipway_ready_successes",
        )


def lease(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The lease is renewed between tasks, so it must outlast the longest of them.

    In a batch and around hooks it is renewed once a third of it is gone, so the longest task must fit into the rest.
    """
    deadlines = {
        "slipway_ready_deadline": values["slipway_ready_deadline"],
        "slipway_drain_deadline": values["slipway_drain_deadline"],
        **{
            f"slipway_components[{index}].stop_timeout": component["stop_timeout"]
            for index, component in enumerate(values["slipway_components"])
        },
        **{f"slipway_hooks[{index}].timeout": hook["timeout"] for index, hook in enumerate(values["slipway_hooks"])},
    }
    name, longest = max(deadlines.items(), key=lambda item: item[1])
    by_thirds = values["slipway_rollout"] in IN_BATCHES or values["slipway_hooks"]
    least = longest * 3 // 2 if by_thirds else longest
    if 0 < values["slipway_lease_seconds"] <= least:
        yield problem(
            f"{values['slipway_lease_seconds']} s do not outlast {name}, which is {longest} s",
            "slipway_lease_seconds",
            f"give more than {least} seconds",
        )


def canary_steps(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The share grows from step to step, and the last step leaves something to stable."""
    before = 0
    for number, step in enumerate(values["slipway_canary_steps"]):
        where = f"slipway_canary_steps[{number}]"
        if not 1 <= step["percent"] <= 99:
            yield problem(f"percent {step['percent']} is no share", where, "use 1 to 99; all traffic follows by itself")
        elif step["percent"] <= before:
            yield problem(
                f"percent {step['percent']} does not follow {before}", where, "order the steps by growing percent"
            )
        if not 0 <= step["pause"] <= LONGEST_PAUSE:
            yield problem(f"pause {step['pause']} is out of range", where, f"use 0 to {LONGEST_PAUSE} seconds")
        before = step["percent"]


def batches(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Every entry is a number of hosts or a percentage of them."""
    if not values["slipway_batches"]:
        yield problem("it is empty", "slipway_batches", "give at least one size, such as [1]")
    for index, text in enumerate(values["slipway_batches"]):
        if not SIZE.fullmatch(text):
            yield problem(f"{text!r} is no size", f"slipway_batches[{index}]", "use a number of hosts, or 1% to 100%")


def analysis(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each metric is what the module takes once the rollout has added what it knows, and fits the steps it decides."""
    metrics = values["slipway_analysis"]
    watched = _watched(values, context.verb)
    for index, metric in enumerate(metrics):
        where = f"slipway_analysis[{index}]"
        if metric.get("type") == metric_spec.JUDGE:
            yield from _metric(where, metric, _shared(watched))
            yield from _judged(where, metric, values["slipway_rollout"], _shared(watched), context.verb)
        else:
            yield from _metric(where, metric, watched)
    if metrics and not watched and context.verb not in BACKWARDS:
        yield problem(
            "no step is watched, so nothing would be measured",
            "slipway_analysis",
            "set slipway_bake, slipway_batch_pause, or the pause of a step in slipway_canary_steps",
        )


def _watched(values: dict[str, Any], verb: str) -> dict[str, int]:
    """The variables that say how long steps are watched, with their seconds; a rollback has no steps of a canary."""
    rollout = values["slipway_rollout"]
    names = ["slipway_bake", "slipway_batch_pause"] if rollout == "rolling" else ["slipway_bake"]
    lengths = {name: values[name] for name in names}
    if rollout == "canary" and verb not in BACKWARDS:
        steps = enumerate(values["slipway_canary_steps"])
        lengths.update({f"slipway_canary_steps[{index}].pause": step["pause"] for index, step in steps})
    return {name: seconds for name, seconds in lengths.items() if seconds > 0}


def _shared(watched: Mapping[str, int]) -> dict[str, int]:
    """Those of steps in which both slots have traffic."""
    return {name: seconds for name, seconds in watched.items() if name != "slipway_bake"}


def _judged(
    where: str, metric: Mapping[str, Any], rollout: str, shared: Mapping[str, int], verb: str
) -> Iterator[InputError]:
    """The judge compares, so it needs a watched step in which both slots have traffic, and not too many looks."""
    lasting = {"canary": "the pause of a step in slipway_canary_steps", "rolling": "slipway_batch_pause"}
    if rollout in lasting and not shared and verb not in BACKWARDS:
        yield problem("no step is watched in which it could compare", where, f"set {lasting[rollout]}, or remove it")
    interval = str(metric.get("interval", ""))
    if interval.isdecimal() and int(interval):
        looks = sum(seconds // int(interval) for seconds in shared.values())
        if looks > metric_spec.MOST_LOOKS:
            least = -(-sum(shared.values()) // metric_spec.MOST_LOOKS)
            yield problem(
                f"it would look {looks} times in all steps, more than {metric_spec.MOST_LOOKS}",
                f"{where}.interval",
                f"raise it to at least {least} seconds",
            )


def _metric(where: str, metric: Mapping[str, Any], watched: Mapping[str, int]) -> Iterator[InputError]:
    if not metric.get("type"):
        yield problem("it is not set", f"{where}.type", f"use one of {', '.join(SOURCES)}")
        return
    try:
        built = _in_step(metric, A_DAY)
        unknown = sorted(set(built) - set(METRIC))
        if unknown:
            yield problem("a metric has no such field", f"{where}.{unknown[0]}", f"remove {unknown[0]}, or correct it")
            return
        metric_spec.parse([convert_options(METRIC, {**built, "count": metric.get("count", 1)})])
        yield from _fits(where, metric, watched)
    except (Unconvertible, ValueError) as exc:
        yield problem(str(exc), where, "see the metrics of module health_gate for what it takes")
    except InputError as exc:
        yield problem(exc.what, exc.where.replace("metrics[0]", where), exc.remedy)


def _in_step(metric: Mapping[str, Any], seconds: int) -> dict[str, Any]:
    plan = {"app": "app", "slot": "green", "stable_slot": "blue"}
    step = {"name": "canary at 10 %", "percents": {"blue": 90, "green": 10}, "seconds": seconds}
    return step_metrics([metric], plan, step, "deployment")[0]


def _fits(where: str, metric: Mapping[str, Any], watched: Mapping[str, int]) -> Iterator[InputError]:
    """What a metric needs must fit into every step that it is to decide, or it would be undecided there."""
    if not watched:
        return
    name, seconds = min(watched.items(), key=lambda item: item[1])
    need = needed(_in_step(metric, seconds))
    if need > seconds:
        fitting = ", leave count out" if "count" in metric else ""
        yield problem(
            f"it is decided after {need} s, and {name} is {seconds} s",
            where,
            f"lower its interval or initial_delay{fitting}, or set {name} to at least {need}",
        )
    longest, most = max(watched.items(), key=lambda item: item[1])
    count = int(_in_step(metric, most).get("count", 1))
    if count > metric_spec.MOST_MEASUREMENTS:
        yield problem(
            f"it would be measured {count} times in the {most} s of {longest}",
            f"{where}.interval",
            f"raise it to at least {-(-most // metric_spec.MOST_MEASUREMENTS)} seconds",
        )


def loss_budget(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The meter can do it, and it stays a small share of what a balancer serves."""
    budget = values["slipway_loss_budget"]
    ranges = {"rate": (0, 1000), "before": (0, 60), "after": (0, 60), "max_lost": (0, 1_000_000)}
    for name, (low, high) in ranges.items():
        if not low <= budget.get(name, low) <= high:
            yield problem(f"{budget[name]} is out of range", f"slipway_loss_budget.{name}", f"use {low} to {high}")
    if budget.get("path") and not budget["path"].startswith("/"):
        yield problem(f"{budget['path']!r} is no path", "slipway_loss_budget.path", "begin it with /")


def keep_revisions(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Two slots hold two revisions."""
    if values["slipway_keep_revisions"] < 2:
        yield problem("two slots hold two revisions", "slipway_keep_revisions", "keep at least 2")


def rollback_to(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Whether the version is kept is seen in the plan."""
    if not VERSION.fullmatch(values["slipway_rollback_to"]):
        yield problem(
            f"{values['slipway_rollback_to']!r} is malformed",
            "slipway_rollback_to",
            "use previous, latest_good or a version",
        )


def reasons(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """What is forced or skipped is recorded with its reason."""
    for index, stage in enumerate(values["slipway_skip"]):
        if stage not in SKIPPABLE:
            yield problem(
                f"{stage!r} cannot be skipped", f"slipway_skip[{index}]", f"use one of {', '.join(SKIPPABLE)}"
            )
    reason = values["slipway_reason"]
    for name in ("slipway_adopt_ledger", "slipway_force", "slipway_skip"):
        if values[name] and not reason.strip():
            yield problem(f"{name} needs a reason", "slipway_reason", f"say why, or remove {name}")
    if context.verb in REASONED and not reason.strip():
        yield problem(f"{context.verb}.yml needs a reason", "slipway_reason", "say why, it is recorded")
    if len(reason) > 500 or "\n" in reason:
        yield problem("it is longer than a line of 500 characters", "slipway_reason", "shorten it")


def smoke_checks(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each check asks for a path of the spare slot, with what else module health_gate takes of an HTTP check."""
    for index, check in enumerate(values["slipway_smoke_checks"]):
        path = check.get("path")
        where = f"slipway_smoke_checks[{index}]"
        if not isinstance(path, str) or not re.fullmatch(r"/\S*", path):
            yield problem(f"{path!r} is not a path", f"{where}.path", "add a path, such as {path: /health}")
        else:
            yield from _smoke_check(where, check)


def _smoke_check(where: str, check: Mapping[str, Any]) -> Iterator[InputError]:
    """What the gate itself would refuse, with the port of any balancer."""
    built = built_checks([check], 80, "")[0]
    remedy = "see the checks of module health_gate for what it takes"
    unknown = sorted(set(built) - set(CHECK))
    if unknown or "url" in check:
        name = "url" if "url" in check else unknown[0]
        yield problem("a smoke check has no such field", f"{where}.{name}", f"remove {name}; {remedy}")
        return
    if built["type"] != "http":
        yield problem("a smoke check is an HTTP check", where, "remove type")
        return
    try:
        parse([convert_options(CHECK, built)])
    except Unconvertible as exc:
        yield problem(str(exc), where, remedy)
    except InputError as exc:
        yield problem(exc.what, exc.where.replace("checks[0]", where), exc.remedy)


def hooks(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each hook has a name of its own and does one thing, which can be done where it runs. No value of it is shown."""
    seen: set[str] = set()
    for index, hook in enumerate(values["slipway_hooks"]):
        where = f"slipway_hooks[{index}]"
        if not HOOK.fullmatch(hook["name"]):
            yield problem(
                f"{hook['name']!r} is not a name of a hook",
                f"{where}.name",
                "use letters, digits and . _ -, beginning with a letter or digit, at most 31 characters",
            )
        if hook["name"] in seen:
            yield problem(f"{hook['name']!r} is the name of two hooks", f"{where}.name", "give each its own name")
        seen.add(hook["name"])
        if not 1 <= hook["timeout"] <= A_DAY:
            yield problem(f"{hook['timeout']} is out of range", f"{where}.timeout", f"use 1 to {A_DAY} seconds")
        yield from _hook_user(f"{where}.user", hook)
        try:
            hook_spec.parse(hook, where)
        except InputError as exc:
            yield exc


def _hook_user(where: str, hook: Mapping[str, Any]) -> Iterator[InputError]:
    if not hook["user"]:
        return
    if hook["url"] is not None or hook["hosts"] == "controller":
        yield problem("it is for a command on hosts", where, "remove it; on the controller it is who runs Ansible")
    elif not USER.fullmatch(hook["user"]):
        yield problem(
            f"{hook['user']!r} is not a name of a system user", where, "use at most 32 characters a-z 0-9 _ -"
        )


def virtual_address(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """keepalived takes an address, with or without a prefix length."""
    text = values["slipway_virtual_address"]
    try:
        if text:
            ipaddress.ip_interface(text)
    except ValueError:
        yield problem(
            f"{text!r} is not an address", "slipway_virtual_address", "write it like 10.0.0.10 or 10.0.0.10/24"
        )


RULES = (
    Rule(("slipway_app",), app),
    Rule(("slipway_version",), version),
    Rule(("slipway_artifact",), artifact),
    Rule(("slipway_artifact_sha256",), artifact_sha256),
    Rule(("slipway_components",), components),
    Rule(("slipway_components", *BALANCER_PORTS), ports),
    Rule(("slipway_config",), config),
    Rule(("slipway_shared_directories",), shared_directories),
    Rule(("slipway_schema_range",), schema_range),
    Rule(("slipway_app", "slipway_user"), user),
    Rule(("slipway_server_names",), server_names),
    Rule(("slipway_sticky",), sticky),
    Rule((), groups),
    Rule(("slipway_ledger_host",), ledger_host),
    Rule(
        (
            "slipway_bake",
            "slipway_batch_pause",
            "slipway_lease_seconds",
            "slipway_drain_deadline",
            "slipway_ready_deadline",
            "slipway_ready_interval",
            "slipway_ready_successes",
        ),
        durations,
    ),
    Rule(
        (
            "slipway_lease_seconds",
            "slipway_drain_deadline",
            "slipway_ready_deadline",
            "slipway_components",
            "slipway_hooks",
            "slipway_rollout",
        ),
        lease,
    ),
    Rule(("slipway_canary_steps",), canary_steps),
    Rule(("slipway_batches",), batches),
    Rule(
        (
            "slipway_analysis",
            "slipway_bake",
            "slipway_batch_pause",
            "slipway_canary_steps",
            "slipway_rollout",
        ),
        analysis,
    ),
    Rule(("slipway_loss_budget",), loss_budget),
    Rule(("slipway_keep_revisions",), keep_revisions),
    Rule(("slipway_rollback_to",), rollback_to),
    Rule(("slipway_skip", "slipway_reason", "slipway_force", "slipway_adopt_ledger"), reasons),
    Rule(("slipway_smoke_checks",), smoke_checks),
    Rule(("slipway_hooks",), hooks),
    Rule(("slipway_virtual_address",), virtual_address),
)
