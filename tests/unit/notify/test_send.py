# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All channels at once, retries within one limit, and no failure of one that reaches another or the caller."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._notify import send
from ansible_collections.slipway.release.plugins.module_utils._notify.factory import Named, make
from ansible_collections.slipway.release.plugins.module_utils._notify.model import EVENTS, Channel, Message, Wanted

from tests.unit.running import play
from tools.environments import COLLECTIONS

from .conftest import Receiver
from .made import message

SECRET = "canary-7c1e9b"


class Doing(Channel):
    """Does what the test says."""

    def __init__(self, does: Any) -> None:
        self.does = does

    def send(self, message: Message, timeout: float) -> None:
        self.does()

    def shown(self) -> str:
        return "nowhere"


def named(does: Any, name: str = "one") -> Named:
    return Named(name, "slack", Doing(does), Wanted(EVENTS))


def webhook(receiver: Receiver) -> Named:
    return make({"channel": "webhook", "url": f"{receiver.url}/{SECRET}"}, "c")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "FIRST_PAUSE", 0.01)


def test_what_may_help_is_tried_again(receiver: Receiver) -> None:
    receiver.statuses = [503, 429, 200]
    (found,) = send.deliver([webhook(receiver)], message("failed"), 30)
    assert (found.sent, found.attempts, found.detail) == (True, 3, "")
    assert len({post.json()["id"] for post in receiver.posts}) == 1


def test_what_cannot_help_is_not_tried_again(receiver: Receiver) -> None:
    receiver.statuses = [404]
    (found,) = send.deliver([webhook(receiver)], message("failed"), 30)
    assert (found.sent, found.attempts, found.detail) == (False, 1, "status 404")


def test_who_wants_to_be_left_alone_for_longer_than_there_is_time_is_given_up(receiver: Receiver) -> None:
    receiver.statuses, receiver.headers = [429], {"Retry-After": "3600"}
    (found,) = send.deliver([webhook(receiver)], message("failed"), 30)
    assert (found.sent, found.attempts) == (False, 1)


def test_channels_are_told_side_by_side() -> None:
    """Each waits for the other, which would never come if they were told one after the other."""
    both = threading.Barrier(2, timeout=20)
    found = send.deliver([named(both.wait, "one"), named(both.wait, "two")], message("failed"), 30)
    assert [told.sent for told in found] == [True, True]


def test_one_that_never_answers_holds_nobody_for_long(receiver: Receiver) -> None:
    receiver.silent = True
    told: list[str] = []
    quiet = threading.Event()
    channels = [webhook(receiver), named(quiet.wait, "hangs"), named(lambda: told.append("x"), "good")]
    found = send.deliver(channels, message("failed"), 1)
    quiet.set()
    assert [delivery.sent for delivery in found] == [False, False, True] and told == ["x"]
    assert found[1].detail == "no answer in time"


def test_one_that_breaks_is_data(capfd: pytest.CaptureFixture[str]) -> None:
    def breaks() -> None:
        raise LookupError(SECRET)

    found = send.deliver([named(breaks, "bad"), named(lambda: None, "good")], message("failed"), 10)
    assert [(told.sent, told.detail) for told in found] == [(False, "an unexpected error"), (True, "")]
    assert SECRET not in "".join(capfd.readouterr())


def test_who_does_not_want_to_know_is_not_told() -> None:
    assert send.deliver([Named("one", "slack", Doing(None), Wanted(("parked",)))], message("failed"), 10) == []


def run(directory: Path, channels: list[dict[str, Any]], *arguments: str, **options: Any) -> str:
    """The output of a play in which notify is followed by a task that says it came to its end."""
    task = {"event": "failed", "app": "shop", "channels": "{{ channels }}", "seconds": 5, **options}
    tasks = [
        {"name": "Tell", "slipway.release.notify": task, "register": "told"},
        {"name": "Show", "ansible.builtin.debug": {"var": "told"}},
        {"name": "End", "ansible.builtin.debug": {"msg": "came to its end"}},
    ]
    book = [{"hosts": "all", "gather_facts": False, "vars": {"channels": channels}, "tasks": tasks}]
    found = play(directory, book, {"all": {"hosts": {"nowhere": None}}}, COLLECTIONS, *arguments)
    return found.stdout + found.stderr


def test_a_run_goes_on_whatever_the_channels_do_and_shows_no_secret(receiver: Receiver, tmp_path: Path) -> None:
    receiver.statuses = [401]
    channels = [
        {"channel": "slack", "url": f"{receiver.url}/{SECRET}"},
        {"channel": "pagerduty", "routing_key": SECRET, "url": "http://127.0.0.1:9/"},
        {"channel": "webhook", "url": f"nonsense {SECRET}", "hmac_key": SECRET},
        {"channel": "email", "host": "127.0.0.1", "port": 9, "from": "a@example.com", "to": ["b@example.com"]},
    ]
    output = run(tmp_path, channels, "-vvvv", reason="It broke.")
    assert "came to its end" in output and "failed=0" in output
    assert "slack was not told of 'failed': status 401 (1 attempts)" in " ".join(output.split())
    assert "slipway_notifications[2].url" in output and "unreachable=0" in output
    assert SECRET not in output
    assert receiver.posts, "it was told"


def test_one_channel_that_works_is_told_beside_one_that_does_not(receiver: Receiver, tmp_path: Path) -> None:
    channels = [{"channel": "nothing"}, {"channel": "webhook", "url": receiver.url}]
    plan = {"app": "shop", "verb": "rollback", "to": {"version": "1"}, "from": {"version": "2"}, "region": "eu"}
    output = run(tmp_path, channels, app="", plan=plan, environment="prod", deployment="d1", reason="a\nb")
    (post,) = receiver.posts
    document = post.json()
    assert document["incident"]["key"] == "slipway/prod/eu/shop"
    assert (document["verb"], document["version"], document["from_version"]) == ("rollback", "1", "2")
    assert (document["deployment"], document["severity"]) == ("d1", "P1") and document["reason"] == "a b"
    assert "@" in document["operator"] and '"changed": true' in output


def test_check_mode_tells_nobody(receiver: Receiver, tmp_path: Path) -> None:
    output = run(tmp_path, [{"channel": "webhook", "url": receiver.url}], "--check")
    assert "came to its end" in output and "something is left to do by hand" in output
    assert not receiver.posts
