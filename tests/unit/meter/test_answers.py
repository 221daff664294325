# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers are parsed the same however they arrive in pieces, and what is not HTTP is refused."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._meter.answers import (
    Answer,
    Malformed,
    StreamAnswer,
    WebSocketAnswer,
)

HEAD = b"HTTP/1.1 200 OK\r\nx-slipway-release: 1.2.3\r\nX-Slipway-Slot:green\r\nX-Slipway-Instance: green-app1\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\nA;name=value\r\n0123456789\r\n0\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
WHOLE = {
    "length": HEAD + b"Content-Length: 3\r\n\r\nab\n",
    "empty": HEAD + b"Content-Length: 0\r\n\r\n",
    "chunked": CHUNKED + b"\r\n",
    "trailers": CHUNKED + b"X-Checksum: 1\r\nX-Other: 2\r\n\r\n",
    "interim": INTERIM + HEAD + b"Content-Length: 1\r\n\r\nx",
    "no content": HEAD.replace(b"200 OK", b"204 No Content") + b"\r\n",
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_whole_answer_is_complete_with_its_last_byte_and_not_before(name: str, size: int) -> None:
    data = WHOLE[name]
    answer = Answer()
    done = [answer.feed(data[at : at + size]) for at in range(0, len(data), size)]
    assert done == [False] * (len(done) - 1) + [True]
    assert (answer.version, answer.slot, answer.instance) == (b"1.2.3", b"green", b"green-app1")
    assert answer.reusable
    assert answer.outcome() == "ok"


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_every_prefix_is_incomplete(name: str) -> None:
    for length in range(1, len(WHOLE[name])):
        answer = Answer()
        assert not answer.feed(WHOLE[name][:length])
        assert answer.started
        assert not answer.close()


def test_an_answer_without_length_ends_with_the_connection() -> None:
    answer = Answer()
    assert not answer.feed(HEAD + b"\r\nsome")
    assert answer.close()
    assert not answer.reusable


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        HEAD + b"Content-Length: x\r\n\r\n",
        HEAD + b"Content-Length: 2\r\n\r\nabc",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000,
    ],
)
def test_what_is_not_http_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        Answer().feed(data)


@pytest.mark.parametrize(
    ("first", "headers", "reusable"),
    [
        (b"HTTP/1.1", b"", True),
        (b"HTTP/1.1", b"Connection: Close\r\n", False),
        (b"HTTP/1.0", b"", False),
        (b"HTTP/1.0", b"Connection: Keep-Alive\r\n", True),
    ],
)
def test_reuse_follows_the_protocol_and_the_connection_header(first: bytes, headers: bytes, reusable: bool) -> None:
    answer = Answer()
    assert answer.feed(first + b" 200 OK\r\nContent-Length: 0\r\n" + headers + b"\r\n")
    assert answer.reusable is reusable


@pytest.mark.parametrize(("status", "outcome"), [(200, "ok"), (299, "ok"), (301, "status"), (503, "status")])
def test_only_2xx_is_ok(status: int, outcome: str) -> None:
    answer = Answer()
    assert answer.feed(b"HTTP/1.1 %d Word\r\nContent-Length: 0\r\n\r\n" % status)
    assert answer.outcome() == outcome


@pytest.mark.parametrize(("lines", "outcome"), [(3, "ok"), (4, "ok"), (2, "truncated"), (0, "truncated")])
def test_a_stream_needs_its_agreed_lines_however_cleanly_it_ends(lines: int, outcome: str) -> None:
    answer = StreamAnswer(3)
    assert answer.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\nx\n\r\n" * lines + b"0\r\n\r\n")
    assert answer.outcome() == outcome


def test_a_websocket_with_a_foreign_accept_key_is_malformed() -> None:
    with pytest.raises(Malformed):
        WebSocketAnswer(lambda data: None).feed(
            b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )


def test_a_websocket_that_is_refused_is_a_status() -> None:
    answer = WebSocketAnswer(lambda data: None)
    assert answer.feed(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno")
    assert answer.outcome() == "status"
