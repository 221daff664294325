# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that keeps the audit logs: copies, segments that are closed by their age, and expiry."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..flags.test_playbooks import SOUND, book
from .made import files
from .test_keep import aged
from .test_note import Ed25519PrivateKey, pem


@contextmanager
def drained(path: Path) -> Iterator[None]:
    """A system log that takes everything."""
    with socketserver.ThreadingUnixDatagramServer(str(path), socketserver.BaseRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def test_the_playbook_delivers_closes_and_expires_on_every_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = ("db1", "lb1", "app1")
    for host in hosts:
        aged(tmp_path / "audit" / host, monkeypatch, segments=1)
    (tmp_path / "key.pem").write_bytes(pem(Ed25519PrivateKey.generate()))
    settings: dict[str, Any] = {
        "directory": f"{tmp_path}/audit/{{{{ inventory_hostname }}}}",
        "signing_key": str(tmp_path / "key.pem"),
        "checkpoint_directory": str(tmp_path / "kept"),
        "retention_days": 30,
        "sinks": [{"type": "syslog", "address": str(tmp_path / "syslog")}],
    }
    changes = {**SOUND, "ansible_become": False}
    down = book(tmp_path, "audit_keep.yml", **changes, slipway_audit=settings)
    assert down.returncode != 0 and "syslog lacks records" in " ".join(down.stdout.split())
    for host in hosts:
        assert sorted(files(tmp_path / "audit" / host).closed()) == [1, 2], "what a sink lacks does not expire"

    with drained(tmp_path / "syslog"):
        done = book(tmp_path, "audit_keep.yml", **changes, slipway_audit=settings)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0, said
    for host in hosts:
        assert sorted(files(tmp_path / "audit" / host).closed()) == [2], said
        assert list(files(tmp_path / "audit" / host).tombstones.iterdir())
        assert list((tmp_path / "kept" / host / "deployments" / "notes").glob("*.note"))
    assert not (tmp_path / "audit" / "app2").exists()
