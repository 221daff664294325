# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing the configuration of a real nginx: every way in which it can go wrong leaves the running one served."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.structure import install
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure

from tests.integration.load import Load
from tests.integration.machine import get, listens, run, wait_until

from .conftest import DEFAULT_SITE, Host

OTHER_SITE = Path("/etc/nginx/conf.d/other.conf")


@pytest.fixture
def other_site() -> Iterator[None]:
    """What the host serves besides."""
    OTHER_SITE.write_text("server { listen 127.0.0.1:8099; location / { return 200 other; } }\n")
    run("systemctl", "reload-or-restart", "nginx")
    yield
    OTHER_SITE.unlink()


def serves_as_before(host: Host, before: str) -> bool:
    return host.file.read_text() == before and host.service.loaded() in before and get()[0] == 200


def test_a_second_installation_changes_nothing(host: Host) -> None:
    before = host.processes()
    assert not host.install().changed
    assert host.processes() == before


def test_the_other_sites_of_the_host_are_left_alone(other_site: None, host: Host) -> None:
    assert get(port=8099)[2] == "other"
    assert host.install("# changed\n").changed
    assert get(port=8099)[2] == "other"
    assert DEFAULT_SITE.is_symlink()


def test_a_configuration_that_nginx_refuses_is_never_put_in_place(host: Host) -> None:
    before = host.file.read_text()
    with pytest.raises(SystemFailure, match="unknown directive"):
        host.install("nonsense;\n")
    assert serves_as_before(host, before)
    assert run("nginx", "-t", "-q").returncode == 0


def test_the_message_names_the_real_file(host: Host) -> None:
    with pytest.raises(SystemFailure, match=f"in {host.file}:[0-9]+"):
        host.install("nonsense;\n")


def test_a_broken_file_of_somebody_else_refuses_the_change(host: Host) -> None:
    before = host.file.read_text()
    OTHER_SITE.write_text("server { listen 127.0.0.1:8099; ")
    try:
        with pytest.raises(SystemFailure, match="unexpected end of file"):
            host.install("# changed\n")
    finally:
        OTHER_SITE.unlink()
    assert serves_as_before(host, before)


def test_a_port_that_is_taken_is_found_out_although_test_and_reload_say_yes(host: Host) -> None:
    before = host.file.read_text()
    with socket.create_server(("127.0.0.1", 8097)):
        with pytest.raises(SystemFailure, match=r"bind\(\) to 127.0.0.1:8097 failed.*in use"):
            host.install("server { listen 127.0.0.1:8097; }\n", deadline=1)
        assert serves_as_before(host, before)
    assert host.install("server { listen 127.0.0.1:8097; }\n").changed


def test_a_conflict_with_the_default_site_needs_its_removal(host: Host) -> None:
    target = os.readlink(DEFAULT_SITE)
    host.use(replace(host.config, port=80))
    before = host.file.read_text()
    with pytest.raises(SystemFailure, match="duplicate default server"):
        host.install()
    assert host.file.read_text() == before
    structure = replace(host.structure(), absent=(DEFAULT_SITE,))
    try:
        assert install(host.service, structure).changed
        assert get(port=80)[1]["x-slipway-slot"] == "blue"
        assert not install(host.service, structure).changed
    finally:
        DEFAULT_SITE.unlink(missing_ok=True)
        DEFAULT_SITE.symlink_to(target)


def test_a_run_killed_between_replacement_and_load_is_completed(host: Host) -> None:
    before = host.service.loaded()
    for path, data in host.structure("# changed\n").wanted().items():
        path.write_bytes(data or b"")
    assert host.service.loaded() == before
    assert host.install("# changed\n").changed
    assert host.service.loaded() == host.structure("# changed\n").digest()


def test_a_half_written_file_is_put_right(host: Host) -> None:
    whole = host.file.read_text()
    host.file.write_text(whole[: len(whole) // 2])
    assert host.install().changed
    assert host.file.read_text() == whole
    assert run("nginx", "-t", "-q").returncode == 0


def test_reloads_in_quick_succession_end_with_the_last_structure(host: Host) -> None:
    master = host.processes()[0]
    for number in range(20):
        os.kill(master, signal.SIGHUP)
        if number % 5 == 0:
            assert host.install(f"# {number}\n").changed
    assert host.service.loaded() == host.structure("# 15\n").digest()


def test_workers_without_a_master_are_named(host: Host) -> None:
    """systemd ends the workers of a master that died; one that is started by hand leaves them."""
    run("systemctl", "stop", "nginx")
    subprocess.run(["nginx"], check=True)
    wait_until(lambda: listens(host.config.port) and len(host.processes()) > 1, 5, "nginx serves")
    master, *workers = host.processes()
    os.kill(master, signal.SIGKILL)
    time.sleep(0.2)
    assert get()[0] == 200
    try:
        with pytest.raises(SystemFailure, match="master is gone") as found:
            host.install("# changed\n")
        assert all(str(worker) in found.value.remedy for worker in workers)
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), 5, "the workers are gone")
    assert host.install("# changed\n").changed
    assert get()[0] == 200


def test_a_master_that_died_under_systemd_is_started_again(host: Host) -> None:
    os.kill(host.processes()[0], signal.SIGKILL)
    wait_until(lambda: not host.service.running(), 15, "systemd notices")
    assert host.install().changed
    assert get()[0] == 200


def test_reloads_under_load_lose_at_most_the_close_race(host: Host) -> None:
    with Load(seconds=30, rate=500, slow=10, long=0) as load:
        for number in range(10):
            assert host.install(f"# {number}\n").changed
            time.sleep(0.3)
    answered = load.report["total"]
    print(answered["lost_by"], answered["sent"])
    assert not [status for status in answered["statuses"] if status.startswith("5")]
    assert answered["lost"] == answered["lost_on_reused"]
    assert answered["lost"] <= 10
