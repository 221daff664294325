# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An old worker that ends while it is asked is gone; a newest worker that answers nothing is broken."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
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
