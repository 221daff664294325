# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every sink gets every record at least once, whatever fails in between, and no secret is said."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import outbox
from ansible_collections.slipway.release.plugins.module_utils._audit.note import Checkpoint
from ansible_collections.slipway.release.plugins.module_utils._audit.record import Record, read
from ansible_collections.slipway.release.plugins.module_utils._audit.sinks import factory
from ansible_collections.slipway.release.plugins.module_utils._audit.sinks.base import Capabilities, Sink, SinkError
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError

from .made import an_event, files, filled, lines, log


class Flaky(Sink):
    """Takes some batches, and dies in the others, before or after it has kept them."""

    capabilities = Capabilities(acknowledges=True, idempotent=True)

    def __init__(self, plan: list[str]) -> None:
        self.plan = plan
        self.got: list[Record] = []

    def deliver(self, batch: Sequence[Record], timeout: float) -> None:
        """As planned."""
        step = self.plan.pop(0) if self.plan else "take"
        if step != "before":
            self.got += batch
        if step != "take":
            raise SinkError("has died", where="here", remedy="wait")

    def close(self) -> None:
        """Nothing is open."""


def deliver(directory: Path, sink: Sink, batch: int = 4) -> outbox.Delivery:
    """One run."""
    return outbox.deliver(files(directory), "test", sink, log(directory).head().seq, timeout=10, batch=batch)


def test_each_record_arrives_in_order_and_once_when_nothing_fails(tmp_path: Path) -> None:
    head = filled(tmp_path, pack=True)
    sink = Flaky([])
    assert deliver(tmp_path, sink) == outbox.Delivery("test", head.seq, 0)
    assert [it.seq for it in sink.got] == list(range(1, head.seq + 1))
    assert deliver(tmp_path, sink).sent == 0
    log(tmp_path).append([an_event()])
    log(tmp_path).rotate()
    log(tmp_path).append([an_event()])
    assert deliver(tmp_path, sink).behind == 0
    assert [it.seq for it in sink.got] == list(range(1, log(tmp_path).head().seq + 1))


@pytest.mark.parametrize("plan", [["before"], ["after"], ["take", "after", "before", "take", "after"]])
def test_a_sink_that_fails_gets_it_again(tmp_path: Path, plan: list[str]) -> None:
    head = filled(tmp_path)
    sink = Flaky(plan)
    first = deliver(tmp_path, sink)
    assert first.error and first.behind > 0
    while deliver(tmp_path, sink).behind:
        pass
    assert {it.seq for it in sink.got} == set(range(1, head.seq + 1))
    assert len({it.hash for it in sink.got}) == head.seq


def test_a_record_that_was_edited_is_not_sent_on(tmp_path: Path) -> None:
    filled(tmp_path, 12, 1)
    path = files(tmp_path).current
    changed = lines(path)
    changed[6] = changed[6].replace(b'"success"', b'"failure"')
    path.write_bytes(b"".join(changed))
    sink = Flaky([])
    done = deliver(tmp_path, sink, 2)
    assert "record after 6" in done.error
    assert [it.seq for it in sink.got] == [1, 2, 3, 4, 5, 6]


def test_a_new_sink_of_an_old_log_begins_with_what_is_left(tmp_path: Path) -> None:
    filled(tmp_path)
    files(tmp_path).plain(1).unlink()
    sink = Flaky([])
    assert deliver(tmp_path, sink).error == ""
    assert sink.got[0].segment == 2


@pytest.mark.parametrize(
    "given",
    [
        {"type": "tape"},
        {"type": "http"},
        {"type": "http", "url": "ftp://x"},
        {"type": "http", "url": "http://x", "dsn": "secret"},
        {"type": "http", "url": "http://x", "headers": {"A": "b\nc"}},
        {"type": "http", "url": "http://x", "name": "../x"},
        {"type": "syslog", "address": "logs"},
        {"type": "syslog", "address": "tcp://logs:abc"},
        {"type": "syslog", "address": "udp://:514"},
        {"type": "syslog", "address": "tcp://logs:99999"},
        {"type": "syslog", "address": "tcp://[::1"},
        {"type": "postgresql", "table": "a; drop"},
        {"type": "s3", "bucket": "b", "mode": "NONE"},
        {"type": "s3", "bucket": "b", "days": 0},
        {"type": "stdout", "url": "http://x"},
    ],
)
def test_options_that_cannot_be_are_refused_without_their_values(given: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        factory.make(given, "db1/deployments")
    assert "secret" not in caught.value.message()


class Server(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers as told."""

    statuses: list[int] = []
    got: list[tuple[dict[str, str], bytes]] = []

    def do_POST(self) -> None:
        """Take a batch."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Server.got.append((dict(self.headers), body))
        status = Server.statuses.pop(0) if Server.statuses else 204
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_given: Any) -> None:
        """Nothing is logged."""


@pytest.fixture
def server() -> Iterator[str]:
    """Its URL."""
    Server.statuses, Server.got = [], []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/audit?key=query-secret"
        running.shutdown()
        thread.join()


def test_http_sends_json_lines_with_a_key(tmp_path: Path, server: str) -> None:
    head = filled(tmp_path, 6, 1)
    _name, sink = factory.make({"type": "http", "url": server, "bearer_token": "t0ken-secret"}, "o")
    assert deliver(tmp_path, sink, 100).behind == 0
    (headers, body), *none = Server.got
    assert not none and body == files(tmp_path).current.read_bytes()
    assert headers["Idempotency-Key"] == head.hash
    assert headers["Authorization"] == "Bearer t0ken-secret"
    assert {"Bearer t0ken-secret", "query-secret"} <= sink.secrets()


@pytest.mark.parametrize("status", [302, 400, 500])
def test_http_refusals_are_told_without_secrets_and_sent_again(tmp_path: Path, server: str, status: int) -> None:
    filled(tmp_path, 6, 1)
    Server.statuses = [status]
    _name, sink = factory.make({"type": "http", "url": server, "bearer_token": "t0ken-secret"}, "o")
    done = deliver(tmp_path, sink, 100)
    assert str(status) in done.error and "secret" not in done.error and done.sent == 0
    assert deliver(tmp_path, sink, 100).behind == 0
    assert Server.got[0][1] == Server.got[1][1]


def test_http_without_a_server(tmp_path: Path) -> None:
    filled(tmp_path, 3, 1)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://u:pass-secret@127.0.0.1:{unused.getsockname()[1]}/"
        _name, sink = factory.make({"type": "http", "url": url}, "o")
        done = deliver(tmp_path, sink)
    assert done.error and "secret" not in done.error and done.behind > 0


def test_syslog_of_this_host(tmp_path: Path) -> None:
    head = filled(tmp_path, 3, 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "log.sock"))
        _name, sink = factory.make({"type": "syslog", "address": str(tmp_path / "log.sock")}, "o")
        assert deliver(tmp_path, sink).behind == 0
        got = [listening.recv(65536) for _record in range(head.seq)]
    assert got[-1] == b"<109>slipway-audit: " + lines(files(tmp_path).current)[-1].rstrip(b"\n")
    assert deliver(tmp_path, sink).error == ""
    log(tmp_path).append([an_event()])
    assert "sent again" in deliver(tmp_path, sink).error


def test_what_is_too_large_for_a_datagram_does_not_keep_the_rest_back(tmp_path: Path) -> None:
    log(tmp_path).append([an_event(), an_event(details={"text": "x" * 70_000}), an_event()])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"udp://127.0.0.1:{listening.getsockname()[1]}"
        _name, sink = factory.make({"type": "syslog", "address": address}, "o")
        assert deliver(tmp_path, sink) == outbox.Delivery("test", 4, 0)
        got = [listening.recv(1 << 17) for _record in range(4)]
    large = json.loads(lines(files(tmp_path).current)[2])
    told = json.loads(got[2][got[2].index(b"] {") + 2 :])
    assert (told["hash"], told["seq"]) == (large["hash"], 3) and told["too_large"] > 70_000
    assert b'"seq":4' in got[3]


def test_a_sink_that_was_behind_an_expiry_goes_on_and_says_what_it_lacks(tmp_path: Path) -> None:
    filled(tmp_path)
    sink = Flaky(["take", "before"])
    assert deliver(tmp_path, sink).sent == 4
    last = read(lines(files(tmp_path).plain(2))[-1][:-1])
    files(tmp_path).tombstones.mkdir()
    left = Checkpoint("o/tombstone", last.seq, last.hash, 2)
    files(tmp_path).tombstone(2).write_text(f"{left.text()}\n— somebody AAAA\n", encoding="utf-8")
    for number in (1, 2):
        files(tmp_path).plain(number).unlink()
    done = deliver(tmp_path, sink)
    assert (done.error, done.behind, done.lost) == ("", 0, last.seq - 4)
    assert [it.seq for it in sink.got[4:]] == list(range(last.seq + 1, log(tmp_path).head().seq + 1))
    log(tmp_path).append([an_event()])
    assert deliver(tmp_path, sink) == outbox.Delivery("test", 1, 0)


def test_segments_that_are_gone_without_a_tombstone_are_not_passed_over(tmp_path: Path) -> None:
    filled(tmp_path)
    sink = Flaky(["take", "before"])
    deliver(tmp_path, sink)
    files(tmp_path).plain(2).unlink()
    files(tmp_path).plain(1).unlink()
    assert "record after 4" in deliver(tmp_path, sink).error


def test_a_log_that_has_not_begun_has_nothing_to_send(tmp_path: Path) -> None:
    assert deliver(tmp_path / "none", Flaky([])) == outbox.Delivery("test", 0, 0)
    assert not (tmp_path / "none").exists()


def test_syslog_by_tcp_counts_octets(tmp_path: Path) -> None:
    head = filled(tmp_path, 3, 1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        _name, sink = factory.make({"type": "syslog", "address": address}, "o")
        assert deliver(tmp_path, sink).behind == 0
        connection = listening.accept()[0]
        with connection, connection.makefile("rb") as stream:
            for seq in range(1, head.seq + 1):
                length = b""
                while not length.endswith(b" "):
                    length += stream.read(1)
                message = stream.read(int(length))
                assert message.startswith(b"<109>1 20")
                assert json.loads(message[message.index(b'{"chain"') :])["chain"]["seq"] == seq
            assert stream.read() == b""
