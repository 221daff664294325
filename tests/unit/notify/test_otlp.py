# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment as a trace and metrics of OpenTelemetry, read by a parser that takes nothing but OTLP's JSON."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._notify.compose import compose
from ansible_collections.slipway.release.plugins.module_utils._notify.factory import make
from ansible_collections.slipway.release.plugins.module_utils._notify.otlp import ENDS

from tests.unit.evidence.test_prometheus import made

from .conftest import Receiver
from .made import AT, facts

SECRET = "canary-7c1e9b"
VERDICTS = [
    {"stage": "place", "verdict": "pass", "took_ms": 8_004, "time": "2027-01-15T07:59:20Z", "hosts": {}},
    {"stage": "gate", "verdict": "fail", "took_ms": 2_000, "time": "2027-01-15T07:59:40.250Z", "hosts": {}},
]
DOCUMENT = made(verdicts=VERDICTS, began="2027-01-15T07:59:00Z", finished="2027-01-15T08:00:00Z", result="failed")
A_SECOND = 1_000_000_000


def exactly(part: Any, **fields: Any) -> None:
    """An object has these fields and no other; each is of its type, matches its pattern, or is judged by a function."""
    assert set(part) <= set(fields), part
    for name, wanted in fields.items():
        if callable(wanted) and not isinstance(wanted, type):
            if name in part:
                wanted(part[name])
        elif isinstance(wanted, str):
            assert re.fullmatch(wanted, part[name]), (name, part)
        else:
            assert {type(part[name])} == {wanted}, (name, part)


def attributes(found: Any) -> dict[str, str]:
    for attribute in found:
        exactly(attribute, key=str, value=lambda value: exactly(value, stringValue=str))
    return {attribute["key"]: attribute["value"]["stringValue"] for attribute in found}


def resource_of(part: Any) -> dict[str, str]:
    exactly(part["resource"], attributes=list)
    return attributes(part["resource"]["attributes"])


def trace_of(document: Any) -> tuple[dict[str, str], list[dict[str, Any]]]:
    exactly(document, resourceSpans=list)
    (part,) = document["resourceSpans"]
    exactly(part, resource=dict, scopeSpans=list)
    (scope,) = part["scopeSpans"]
    exactly(scope, scope=lambda value: exactly(value, name=str), spans=list)
    for span in scope["spans"]:
        exactly(
            span,
            traceId="[0-9a-f]{32}",
            spanId="[0-9a-f]{16}",
            parentSpanId=lambda value: re.fullmatch("[0-9a-f]{16}", value) or pytest.fail(value),
            name=str,
            kind=int,
            startTimeUnixNano="[1-9][0-9]+",
            endTimeUnixNano="[1-9][0-9]+",
            attributes=list,
            status=lambda value: exactly(value, code=int, message=lambda text: isinstance(text, str)),
        )
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    return resource_of(part), scope["spans"]


def metrics_of(document: Any) -> dict[str, float]:
    exactly(document, resourceMetrics=list)
    (part,) = document["resourceMetrics"]
    exactly(part, resource=dict, scopeMetrics=list)
    (scope,) = part["scopeMetrics"]
    found = {}
    for metric in scope["metrics"]:
        exactly(metric, name=str, unit=str, gauge=lambda value: exactly(value, dataPoints=list))
        (point,) = metric["gauge"]["dataPoints"]
        either = {"asInt": "[0-9]+"} if "asInt" in point else {"asDouble": float}
        exactly(point, timeUnixNano="[1-9][0-9]+", attributes=list, **either)
        found[metric["name"]] = float(point.get("asInt", point.get("asDouble")))
    return found


def sent(receiver: Receiver, event: str = "undone", **more: Any) -> list[Any]:
    """The documents of what is posted."""
    named = make({"channel": "otlp", "url": f"{receiver.url}/otel/", "headers": {"X-Key": SECRET}}, "c")
    named.channel.send(compose(facts(event, **more))[0], 5)
    assert all(post.headers["X-Key"] == SECRET for post in receiver.posts)
    assert all(post.headers["Content-Type"] == "application/json" for post in receiver.posts)
    return [post.json() for post in receiver.posts]


def test_stages_are_spans_within_that_of_the_deployment(receiver: Receiver) -> None:
    document, _metrics = sent(receiver, document=DOCUMENT)
    resource, (whole, place, gate) = trace_of(document)
    assert resource == {"service.name": "shop", "deployment.environment.name": "production"}
    told = attributes(whole["attributes"])
    assert (told["deployment.id"], told["deployment.status"]) == ("20270115T080000Z-4be1c2", "undone")
    assert int(whole["startTimeUnixNano"]) == (AT - 60) * A_SECOND and int(whole["endTimeUnixNano"]) == AT * A_SECOND
    assert whole["status"] == {"code": 2, "message": "The gate of app2 did not pass."} and "parentSpanId" not in whole
    assert [span["name"] for span in (place, gate)] == ["place", "gate"]
    assert [span["status"]["code"] for span in (place, gate)] == [1, 2]
    assert {span["parentSpanId"] for span in (place, gate)} == {whole["spanId"]}
    assert len({span["spanId"] for span in (whole, place, gate)}) == 3
    assert len({span["traceId"] for span in (whole, place, gate)}) == 1
    assert int(place["endTimeUnixNano"]) - int(place["startTimeUnixNano"]) == 8_004_000_000
    assert int(gate["endTimeUnixNano"]) == (AT - 20) * A_SECOND + 250_000_000
    assert [post.path for post in receiver.posts] == ["/otel/v1/traces", "/otel/v1/metrics"]


def test_figures_are_metrics(receiver: Receiver) -> None:
    timed = [{**entry, "verdict": "fail", "time": "2027-01-15T07:59:20Z"} for entry in made()["verdicts"]]
    _traces, document = sent(receiver, document=made(verdicts=timed))
    assert metrics_of(document) == {
        "deployment.duration": 42.012,
        "tests.duration": 1.004,
        "tests.failures": 1,
        "health_checks.passed": 1,
        "response_time": 0.004,
        "backup.size_bytes": 73_400_320,
        "performance.rps": 49.98,
        "performance.latency": 0.01248,
    }


def test_what_is_sent_twice_is_the_same(receiver: Receiver) -> None:
    first = sent(receiver, document=DOCUMENT)[0]
    assert sent(receiver, document=DOCUMENT)[2] == first


@pytest.mark.parametrize("event", ENDS)
def test_without_evidence_there_is_the_deployment_alone(receiver: Receiver, event: str) -> None:
    (document,) = sent(receiver, event)
    _resource, (whole,) = trace_of(document)
    assert whole["status"]["code"] == (1 if event == "succeeded" else 2)
