# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hook against real programs and a real server: how it ends, in what time, and what of it is shown."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._hooks.model import Outcome
from ansible_collections.slipway.release.plugins.module_utils._hooks.output import LONGEST_LINE, MOST_LINES
from ansible_collections.slipway.release.plugins.module_utils._hooks.spec import parse

from .conftest import Receiver

Receive = Callable[..., Receiver]
FACTS = {"app": "shop", "from_version": "", "percent": 10, "reason": "it's $HOME; x"}


def run(command: str, timeout: int = 20) -> Outcome:
    return parse({"command": command}, "hook").run(FACTS, timeout)


def call(url: str, timeout: int = 20, **headers: str) -> Outcome:
    return parse({"url": url, "headers": headers}, "hook").run(FACTS, timeout)


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def ends(pid: int) -> bool:
    """Whether a process ends soon; one that has ended and waits for its parent counts."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("command", "ok", "message"),
    [
        ("true", True, "exit status 0"),
        ("sh -c 'echo fine'", True, "exit status 0"),
        ("sh -c 'echo one; echo two >&2; exit 3'", False, "exit status 3; its last lines: one / two"),
        ("sh -c 'kill -9 $$'", False, "ended by signal 9"),
        ("/nowhere/program", False, "/nowhere/program cannot be started: No such file or directory"),
        ("/etc/passwd", False, "/etc/passwd cannot be started: Permission denied"),
    ],
)
def test_only_exit_status_0_is_success(command: str, ok: bool, message: str) -> None:
    outcome = run(command)
    assert (outcome.ok, outcome.message()) == (ok, message)


def test_no_shell_reads_the_command() -> None:
    assert run("echo $HOME; exit 3").output == ["$HOME; exit 3"]


def test_facts_come_beside_the_environment_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["SLIPWAY_APP", "SLIPWAY_FROM_VERSION", "SLIPWAY_PERCENT", "SLIPWAY_REASON", "OF_THE_MODULE"]
    monkeypatch.setenv("OF_THE_MODULE", "kept")
    outcome = run(python(f"import os; print([os.environ[name] for name in {names}])"))
    assert outcome.output == [repr(["shop", "", "10", "it's $HOME; x", "kept"])]


def test_standard_input_is_empty() -> None:
    assert run("cat", timeout=5) == Outcome(ok=True, detail="exit status 0", status=0)


def test_a_timeout_kills_everything_that_was_started(tmp_path: Path) -> None:
    began = time.monotonic()
    outcome = run(f"sh -c 'echo before; sleep 300 & echo $! > {tmp_path}/child; wait'", timeout=1)
    assert time.monotonic() - began < 10
    assert (outcome.ok, outcome.status) == (False, None)
    assert outcome.message() == "did not end within 1 s; its last lines: before"
    assert ends(int((tmp_path / "child").read_text(encoding="ascii")))


def test_what_is_left_behind_neither_delays_nor_survives(tmp_path: Path) -> None:
    began = time.monotonic()
    outcome = run(f"sh -c 'sleep 300 & echo $! > {tmp_path}/child; echo done'")
    assert time.monotonic() - began < 10
    assert (outcome.ok, outcome.output) == (True, ["done"])
    assert ends(int((tmp_path / "child").read_text(encoding="ascii")))


def test_a_program_that_closes_its_output_is_still_waited_for() -> None:
    assert run("sh -c 'exec >&- 2>&-; sleep 0.3; exit 5'").status == 5


def test_endless_output_is_read_to_its_end_and_little_of_it_kept() -> None:
    outcome = run(python("print(('x' * 400 + '\\n') * 50000); print('the end')"))
    assert (outcome.ok, len(outcome.output)) == (True, MOST_LINES)
    assert outcome.output[-2:] == ["x" * LONGEST_LINE, "the end"]


def test_output_cannot_write_on_a_terminal() -> None:
    assert run("printf '\\033[31mred\\007\\377'").output == ["[31mred \N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize(
    ("status", "ok"),
    [(200, True), (204, True), (299, True), (302, False), (400, False), (503, False)],
)
def test_only_2xx_is_success_and_nothing_is_asked_twice(receive: Receive, status: int, ok: bool) -> None:
    server = receive(status, b"" if status == 204 else b"why\nit is so")
    outcome = call(server.url)
    assert (outcome.ok, outcome.status, len(server.requests)) == (ok, status, 1)
    assert outcome.message() == (f"status {status}" if ok else f"status {status}; its last lines: why / it is so")


def test_the_facts_are_posted_as_json(receive: Receive) -> None:
    server = receive()
    assert call(f"{server.url}/hook?a=b", Authorization="Bearer s3cr3t-token").ok
    ((method, path, headers, body),) = server.requests
    assert (method, path, json.loads(body)) == ("POST", "/hook?a=b", FACTS)
    assert (headers["Content-Type"], headers["Authorization"]) == ("application/json", "Bearer s3cr3t-token")


def test_a_content_type_can_be_given(receive: Receive) -> None:
    server = receive()
    parse({"url": server.url, "headers": {"content-type": "text/json"}}, "hook").run(FACTS, 5)
    assert [value for name, value in server.requests[0][2].items() if name.lower() == "content-type"] == ["text/json"]


def test_no_redirect_is_followed(receive: Receive) -> None:
    other = receive()
    outcome = call(receive(307, Location=other.url).url)
    assert (outcome.ok, outcome.status, other.requests) == (False, 307, [])


def test_a_server_that_does_not_answer_is_given_up(receive: Receive) -> None:
    began = time.monotonic()
    outcome = call(receive(delay=5).url, timeout=1)
    assert time.monotonic() - began < 4
    assert (outcome.ok, outcome.status) == (False, None)
    assert "timed out" in outcome.message()


def test_a_server_that_is_not_there_is_a_failure() -> None:
    outcome = call("http://127.0.0.1:1/")
    assert not outcome.ok
    assert "refused" in outcome.message()


def test_an_answer_that_repeats_secrets_is_shown_without_them(receive: Receive) -> None:
    outcome = call(
        f"{receive(500, echo=True).url}/services/T0B1?sig=abcdef", Authorization="Bearer s3cr3t-token", X="a b"
    )
    shown = outcome.message()
    assert "Authorization: ********" in shown
    for secret in ("s3cr3t", "T0B1", "abcdef", "a b"):
        assert secret not in shown


def test_a_secret_is_hidden_before_a_line_is_cut(receive: Receive) -> None:
    secret = "s3cr3t-" + "k" * 20
    outcome = call(receive(500, b"x" * (LONGEST_LINE - 10) + secret.encode()).url, Authorization=secret)
    assert "s3cr3t" not in outcome.message()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"command": "warm --all 'two words'"}, "warm --all 'two words'"),
        ({"url": "https://chat.example:8443/services/T0B1?x=1"}, "POST https://chat.example:8443/..."),
    ],
)
def test_what_would_be_done_is_shown_without_secrets(given: dict[str, Any], shown: str) -> None:
    assert parse(given, "hook").shown() == shown
