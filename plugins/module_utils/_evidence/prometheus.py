# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of a deployment in the text format of Prometheus, for the textfile collector of its node exporter.

Touches <directory>/slipway_<app>[@<region>].prom, replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .._common.errors import SystemFailure
from .._common.files import write_atomic
from .summary import summary

RESULTS = ("active", "failed", "aborted", "abandoned", "returned")
Labels = dict[str, str]


class Family(NamedTuple):
    """One metric with its samples; a value is text, so that milliseconds become exact seconds."""

    name: str
    help: str
    samples: list[tuple[Labels, str]]


def require_directory(directory: str) -> None:
    """Refuse a directory that is not there, before anything is begun.

    :raises SystemFailure: it is none.
    """
    if directory and not Path(directory).is_dir():
        raise SystemFailure(
            "there is no such directory on the ledger host",
            where=f"slipway_metrics_directory: {directory}",
            remedy="run site.yml, which makes it, or leave slipway_metrics_directory empty",
        )


def write(directory: str, document: Mapping[str, Any]) -> None:
    """Replace the file of the application, or of its region.

    :raises OSError: it cannot be written.
    """
    region = f"@{document['region']}" if document.get("region") else ""
    write_atomic(Path(directory) / f"slipway_{document['app']}{region}.prom", text(document).encode("utf-8"))


def text(document: Mapping[str, Any]) -> str:
    """All metrics of the last deployment of an application."""
    return "".join(_family_text(family) for family in _families(document) if family.samples)


def _families(document: Mapping[str, Any]) -> Iterator[Family]:
    made = summary(document)
    app = {key: document[key] for key in ("app", "region") if document.get(key)}
    told = {**app, "deployment": document["deployment"], "verb": document["verb"], "rollout": document["rollout"]}
    yield _gauge(
        "deployment_info", "The last deployment, always 1.", [({**told, "version": document["to"]["version"]}, "1")]
    )
    results = [({**app, "result": result}, str(int(result == document["result"]))) for result in RESULTS]
    yield _gauge("deployment_result", "How the last deployment ended; 1 for that result, 0 for the others.", results)
    yield _gauge(
        "deployment_duration_seconds", "Length of the last deployment.", [(app, _thousandths(made["elapsed_ms"]))]
    )
    yield _gauge(
        "deployment_stage_duration_seconds",
        "Length of each stage of the last deployment.",
        [({**app, "stage": stage}, _thousandths(took)) for stage, took in made["stages"].items()],
    )
    smoke, health = made["smoke_tests"], made["health_checks"]
    yield _gauge(
        "smoke_tests_duration_seconds", "Time that smoke tests took.", [(app, _thousandths(smoke["elapsed_ms"]))]
    )
    yield _gauge("smoke_tests_failed", "Smoke tests that did not pass.", [(app, str(smoke["failed"]))])
    yield _gauge("health_checks_passed", "Health checks that passed.", [(app, str(health["passed"]))])
    yield _gauge("health_checks_failed", "Health checks that did not pass.", [(app, str(health["failed"]))])
    if made["sent"] is not None:
        yield _gauge("requests_measured", "Requests that were measured during moves.", [(app, str(made["sent"]))])
        yield _gauge("requests_lost", "Requests that moves of the traffic have lost.", [(app, str(made["lost"]))])
    yield from _performance(app, made["profile"])


def _performance(app: Labels, profile: Mapping[str, Any] | None) -> Iterator[Family]:
    if not profile:
        return
    rate = _thousandths(profile["answered_milli"])
    yield _gauge(
        "performance_requests_per_second", "Requests answered a second, as the profile found it.", [(app, rate)]
    )
    latencies = [
        ({**app, "percentile": name}, f"{value // 1_000_000}.{value % 1_000_000:06}")
        for name, value in profile["latency_us"].items()
    ]
    yield _gauge("performance_latency_seconds", "Latency of the active revision, as the profile found it.", latencies)


def _gauge(name: str, meaning: str, samples: list[tuple[Labels, str]]) -> Family:
    return Family(f"slipway_{name}", meaning, samples)


def _family_text(family: Family) -> str:
    lines = [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} gauge"]
    lines += [f"{family.name}{{{_labels(labels)}}} {value}" for labels, value in family.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _thousandths(value: int) -> str:
    return f"{value // 1000}.{value % 1000:03}"
