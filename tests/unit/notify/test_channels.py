# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each channel sends what the service on the other side takes, and tells no secret when it is not taken."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._notify.factory import CHANNELS, Named, make
from ansible_collections.slipway.release.plugins.module_utils._notify.model import EVENTS, NotSent

from .conftest import MailServer, Receiver
from .made import AT, facts, message

SECRET = "canary-7c1e9b"
Servers = Callable[[bool], MailServer]


def channel(**given: Any) -> Named:
    return make(given, "slipway_notifications[0]")


def test_a_chat_gets_a_text_that_calls_nobody(receiver: Receiver) -> None:
    told = message("undone", reason="<!channel> a & b")
    channel(channel="slack", url=f"{receiver.url}/services/{SECRET}").channel.send(told, 5)
    (post,) = receiver.posts
    assert post.path == f"/services/{SECRET}"
    text = post.json()["text"]
    assert text.startswith("*P2 shop in production: 1.4.2 has failed and was undone*\n")
    assert "&lt;!channel&gt; a &amp; b" in text and "<" not in text


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("undone", "trigger"),
        ("failed", "trigger"),
        ("incident", "trigger"),
        ("update", "acknowledge"),
        ("succeeded", "resolve"),
        ("resolution", "resolve"),
    ],
)
def test_pagerduty_gets_one_key_for_all_deployments(receiver: Receiver, event: str, action: str) -> None:
    named = channel(channel="pagerduty", routing_key=SECRET, url=f"{receiver.url}/v2/enqueue")
    named.channel.send(message(event, deployment=f"of {event}"), 5)
    document = receiver.posts[0].json()
    assert document["routing_key"] == SECRET
    assert (document["event_action"], document["dedup_key"]) == (action, "slipway/production/shop")
    assert ("payload" in document) is (action == "trigger")


def test_pagerduty_gets_what_it_asks_for_of_an_incident(receiver: Receiver) -> None:
    named = channel(channel="pagerduty", routing_key=SECRET, url=receiver.url)
    for severity, theirs in (("P0", "critical"), ("P1", "error"), ("P2", "warning"), ("P3", "info")):
        named.channel.send(message("incident", severity=severity), 5)
        payload = receiver.posts.pop().json()["payload"]
        assert payload["severity"] == theirs
        assert payload["source"] == "production" and payload["summary"].startswith(f"{severity} INCIDENT shop")
        assert payload["timestamp"] == "2027-01-15T08:00:00Z"


def test_a_key_that_is_too_long_for_pagerduty_still_is_the_same(receiver: Receiver) -> None:
    named = channel(channel="pagerduty", routing_key=SECRET, url=receiver.url)
    for event in ("undone", "succeeded"):
        named.channel.send(message(event, environment="e" * 400), 5)
    keys = {post.json()["dedup_key"] for post in receiver.posts}
    assert len(keys) == 1 and len(keys.pop()) == 64


def test_a_webhook_is_signed_over_what_is_sent(receiver: Receiver) -> None:
    named = channel(channel="webhook", url=f"{receiver.url}/in", hmac_key=SECRET, headers={"X-Team": "shop"})
    named.channel.send(message("failed"), 5)
    (post,) = receiver.posts
    wanted = hmac.new(SECRET.encode(), post.body, hashlib.sha256).hexdigest()
    assert post.headers["X-Slipway-Signature"] == f"sha256={wanted}" and post.headers["X-Team"] == "shop"
    document = post.json()
    assert document["incident"] == {"key": "slipway/production/shop", "action": "trigger"}
    assert document["at"] == "2027-01-15T08:00:00Z" and document["severity"] == "P1"
    assert document["answer_by"] == "2027-01-15T08:30:00Z"
    assert document["next_update_by"] == "2027-01-15T08:15:00Z"
    assert document["post_mortem_by"] == "2027-01-17T08:00:00Z"


def test_a_webhook_without_a_key_is_not_signed(receiver: Receiver) -> None:
    channel(channel="webhook", url=receiver.url).channel.send(message("parked"), 5)
    assert "X-Slipway-Signature" not in receiver.posts[0].headers


def test_what_is_told_twice_has_the_same_identifier() -> None:
    assert facts("failed").identifier == facts("failed", at=AT + 60).identifier
    others = [facts("undone"), facts("failed", deployment="another"), facts("failed", reason="Another.")]
    by_hand = [facts("incident", deployment="", at=AT + later) for later in (0, 60)]
    assert len({told.identifier for told in (facts("failed"), *others, *by_hand)}) == 6


def test_grafana_gets_a_mark(receiver: Receiver) -> None:
    named = channel(channel="grafana", url=f"{receiver.url}/grafana/", token=SECRET, dashboard="slipway")
    named.channel.send(message("succeeded"), 5)
    (post,) = receiver.posts
    assert post.path == "/grafana/api/annotations" and post.headers["Authorization"] == f"Bearer {SECRET}"
    assert post.json() == {
        "time": AT * 1000,
        "tags": ["slipway", "succeeded", "shop", "production", "1.4.2"],
        "text": "shop in production: 1.4.2 is active",
        "dashboardUID": "slipway",
    }


def mail(server: MailServer, certificate: Path, **more: Any) -> Named:
    given = {
        "channel": "email",
        "host": "localhost",
        "port": server.port,
        "security": "tls" if server.implicit else "starttls",
        "user": "slipway",
        "password": SECRET,
        "from": "release@example.com",
        "to": ["eva@example.com", "ops@example.com"],
        "ca": str(certificate),
    }
    return make({**given, **more}, "slipway_notifications[0]")


@pytest.mark.parametrize("implicit", [True, False])
def test_mail_is_sent_over_tls_by_who_has_logged_in(mail_server: Servers, certificate: Path, implicit: bool) -> None:
    server = mail_server(implicit)
    told = message("undone", reason="Line one.")
    mail(server, certificate).channel.send(told, 5)
    (got,) = server.mails
    assert server.encrypted == [True] and server.logins == [("slipway", SECRET)]
    assert server.recipients == ["eva@example.com", "ops@example.com"]
    assert got["Subject"].replace("\r\n", "") == told.title and got["To"] == "eva@example.com, ops@example.com"
    assert "Line one." in got.get_payload()


def test_mail_does_not_trust_any_certificate(mail_server: Servers, certificate: Path) -> None:
    server = mail_server(False)
    with pytest.raises(NotSent, match="TLS failed") as found:
        mail(server, certificate, ca=None).channel.send(message("undone"), 5)
    assert not found.value.again and not server.logins


def test_mail_asks_for_starttls_and_sends_nothing_without_it(mail_server: Servers, certificate: Path) -> None:
    server = mail_server(False)
    server.answers["EHLO"] = "250 mail"
    with pytest.raises(NotSent, match="STARTTLS"):
        mail(server, certificate).channel.send(message("undone"), 5)
    assert not server.mails and not server.logins


@pytest.mark.parametrize(
    ("verb", "answer", "again"),
    [
        ("AUTH", f"535 {SECRET} is wrong", False),
        ("MAIL", f"451 {SECRET} later", True),
        ("MAIL", f"550 {SECRET} never", False),
        ("RCPT", f"550 {SECRET} never", False),
        ("DATA", f"554 {SECRET} never", False),
    ],
)
def test_mail_that_is_refused(mail_server: Servers, certificate: Path, verb: str, answer: str, again: bool) -> None:
    server = mail_server(True)
    server.answers[verb] = answer
    with pytest.raises(NotSent) as found:
        mail(server, certificate).channel.send(message("undone"), 5)
    assert found.value.again is again and SECRET not in str(found.value)


@pytest.mark.parametrize(("status", "again"), [(400, False), (403, False), (302, False), (429, True), (503, True)])
def test_a_refusal_is_a_status_without_what_the_server_echoes(receiver: Receiver, status: int, again: bool) -> None:
    receiver.statuses, receiver.headers = [status], {"Retry-After": "7", "Location": receiver.url}
    with pytest.raises(NotSent) as found:
        channel(channel="slack", url=f"{receiver.url}/{SECRET}").channel.send(message("failed"), 5)
    assert (str(found.value), found.value.again, found.value.after) == (f"status {status}", again, 7)
    assert len(receiver.posts) == 1


def test_nobody_there_may_be_there_later() -> None:
    with pytest.raises(NotSent) as found:
        channel(channel="webhook", url="http://127.0.0.1:9/canary").channel.send(message("failed"), 5)
    assert found.value.again and "canary" not in str(found.value)


LEAST = {
    "slack": {"url": "https://chat.example/x"},
    "webhook": {"url": "https://in.example/x"},
    "pagerduty": {"routing_key": SECRET},
    "grafana": {"url": "https://grafana.example", "token": SECRET},
    "otlp": {"url": "https://otel.example", "headers": {"X-Key": SECRET}},
    "email": {"host": "mail.example", "from": "a@example.com", "to": ["b@example.com"]},
}


def test_every_kind_can_be_made_and_is_told_of_what_it_may_be() -> None:
    assert set(LEAST) == set(CHANNELS)
    for kind, given in LEAST.items():
        found = channel(channel=kind, **given)
        assert found.name == kind and "started" not in found.wanted.events
        assert SECRET not in repr(found) + found.channel.shown()
        assert set(found.wanted.events) <= set(EVENTS)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"channel": "pager"}, "channel"),
        ({"channel": "slack"}, "url"),
        ({"channel": "slack", "url": f"https://u:{SECRET}@chat.example/x"}, "url"),
        ({"channel": "slack", "url": f"ftp://{SECRET}"}, "url"),
        ({"channel": "slack", **LEAST["slack"], "token": SECRET}, "token"),
        ({"channel": "slack", **LEAST["slack"], "on": ["finished"]}, "on"),
        ({"channel": "pagerduty", **LEAST["pagerduty"], "on": ["parked"]}, "on"),
        ({"channel": "slack", **LEAST["slack"], "severity": "P4"}, "severity"),
        ({"channel": "slack", **LEAST["slack"], "name": "a\nb"}, "name"),
        ({"channel": "grafana", **LEAST["grafana"], "url": f"https://g.example?{SECRET}"}, "url"),
        ({"channel": "webhook", **LEAST["webhook"], "headers": {"A": f"{SECRET}\r\nB: c"}}, "headers"),
        ({"channel": "email", **LEAST["email"], "user": "a"}, "password"),
        ({"channel": "email", **LEAST["email"], "user": "a", "password": SECRET, "security": "none"}, "security"),
        ({"channel": "email", **LEAST["email"], "to": ["b@example.com, c"]}, "to"),
        ({"channel": "email", **LEAST["email"], "port": 0}, "port"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as found:
        channel(**given)
    assert found.value.where.startswith(f"slipway_notifications[0].{field}")
    assert SECRET not in found.value.message()


def test_a_port_may_be_text_as_templates_make_it() -> None:
    assert channel(channel="email", **LEAST["email"], port="2525").channel.shown() == "mail.example:2525"
