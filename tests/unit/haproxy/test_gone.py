# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An old worker that ends while it is asked is gone; a newest worker that answers nothing is broken.

A socket on which nobody listens yet is asked again, and one on which nobody listens is an error.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer import haproxy_socket
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy_socket import WorkerGone, ask
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[str]:
    """A socket that closes without an answer."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()

        def close_each() -> None:
            connection, _address = listener.accept()
            with connection:
                connection.recv(4096)

        thread = threading.Thread(target=close_each)
        thread.start()
        yield path
        thread.join()


def test_an_old_worker_that_answers_nothing_has_ended(silent: str) -> None:
    with pytest.raises(WorkerGone):
        ask(silent, ["@!4711 show map x"])


def test_a_newest_worker_that_answers_nothing_is_an_error(silent: str) -> None:
    with pytest.raises(SystemFailure) as refused:
        ask(silent, ["show map x"])
    assert not isinstance(refused.value, WorkerGone)


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket in its place, on which nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        yield listener


def test_a_worker_that_listens_a_moment_later_is_asked(bound: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer() -> None:
        connection, _address = bound.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"yes\n\n")

    thread = threading.Thread(target=answer)

    def listen(_seconds: float) -> None:
        bound.listen()
        thread.start()

    monkeypatch.setattr(haproxy_socket, "sleep", listen)
    assert ask(bound.getsockname(), ["show map x"]) == ["yes"]
    thread.join()


def test_a_socket_on_which_nobody_listens_is_an_error(bound: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy_socket, "_LISTENS_WITHIN", 0.05)
    with pytest.raises(SystemFailure, match="does not answer: Connection refused"):
        ask(bound.getsockname(), ["show map x"])
