# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch killed after every mutating system call: one consistent state is served, and one more run completes it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.info import info
from ansible_collections.slipway.release.plugins.module_utils._balancer.nginx import IN_FLIGHT, SPARES
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence

from tests.integration.machine import get

from .conftest import Host

CALLS = (
    "mkdir,mkdirat,symlink,symlinkat,link,linkat,rename,renameat,renameat2,unlink,unlinkat,rmdir,"
    "write,pwrite64,fsync,fdatasync,fchmod,chmod,fchown,ftruncate,flock,creat"
)
MANY = 40
DRIVER = str(Path(__file__).with_name("driver.py"))
INSTALLER = str(Path(__file__).with_name("installer.py"))
SWITCHES = [
    pytest.param(100, 0, None, id="all to green, all links made"),
    pytest.param(0, 60, 60, id="most to blue, from a generation like it"),
    pytest.param(0, 60, 55, id="most to blue, from one much like it"),
]


def driver(host: Host, blue: int) -> list[str]:
    return [sys.executable, "-B", DRIVER, f"/etc/slipway/balancer/{host.config.app}.json", str(blue)]


def converge(host: Host, blue: int) -> dict[str, Any]:
    done = subprocess.run(driver(host, blue), check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def points(host: Host, blue: int, log: Path) -> list[tuple[str, int]]:
    """Every mutating call of one undisturbed switch, by name and number; of long rows, the ends and some between."""
    before = host.balancer.live().percents["blue"]
    subprocess.run(["strace", "-f", "-o", str(log), "-e", f"trace={CALLS}", *driver(host, blue)], check=True)
    converge(host, before)
    return chosen(Counter(re.findall(r"^\d+ +([a-z0-9]+)\(", log.read_text(), re.MULTILINE)))


def chosen(counted: Counter[str]) -> list[tuple[str, int]]:
    found = []
    for name, count in counted.items():
        step = max(1, count // MANY * 5)
        found += [(name, number) for number in sorted({1, 2, *range(1, count, step), count - 1, count}) if number > 0]
    return found


def leftovers(host: Host) -> list[str]:
    """What a killed run left and the next change did not remove."""
    found = list(host.balancer.directory.rglob(".*"))
    generations = [path for path in (host.balancer.directory / "generations").iterdir() if path.name.isdigit()]
    oldest_first = sorted(generations, key=lambda path: int(path.name))
    return [str(path) for path in found] + [str(path) for path in oldest_first[: -IN_FLIGHT - SPARES]]


def begin(host: Host, before: int, spare: int | None) -> None:
    """Serve ``before``, with nothing to make the next generation from but one with the percents ``spare``."""
    converge(host, before)
    for path in host.balancer.directory.glob("generations/*"):
        if not path.samefile(host.balancer.directory / "current"):
            shutil.rmtree(path)
    for blue in () if spare is None else (spare, before):
        host.switch(percents={"blue": blue, "green": 100 - blue}, force=True)
    if spare is not None:
        host.switch(servers={"green-app2": "drain"})
        host.switch(servers={"green-app2": "ready"}, force=True)


@pytest.mark.parametrize(("before", "after", "spare"), SWITCHES)
def test_killed_anywhere_it_serves_one_state_and_converges(
    host: Host, tmp_path: Path, before: int, after: int, spare: int | None
) -> None:
    begin(host, before, spare)
    killed = 0
    took: list[int] = []
    again: list[int] = []
    for name, number in points(host, after, tmp_path / "log"):
        begin(host, before, spare)
        old = host.routes()
        inject = f"inject={name}:signal=KILL:when={number}"
        ended = subprocess.run(
            ["strace", "-f", "-o", "/dev/null", "-e", f"trace={name}", "-e", inject, *driver(host, after)],
            check=False,
            capture_output=True,
        )
        killed += ended.returncode == -9 or ended.returncode == 137
        served = host.routes()
        slots = {
            slot: sum(count for server, count in served.items() if server.startswith(slot))
            for slot in ("blue", "green")
        }
        assert slots["blue"] in (before * 10, after * 10), f"{name} {number}: {served}"
        assert served == old or slots["blue"] == after * 10, f"{name} {number}"
        assert get()[0] == 200
        first, second = converge(host, after), converge(host, after)
        took.append(first["ms"])
        again.append(second["ms"])
        assert not second["changed"], f"{name} {number}"
        assert info(host.balancer)["consistent"], f"{name} {number}"
        converge(host, before)
        assert leftovers(host) == [], f"{name} {number}"
    print(f"killed {killed} times; converged in at most {max(took)} ms, then {max(again)} ms without a change")
    assert killed >= (40 if spare is None else 20)


def test_a_swap_that_is_not_atomic_is_seen(host: Host) -> None:
    """Negative control of the test above: links edited one by one show a state that nobody asked for."""
    converge(host, 100)
    for bucket in range(500):
        link = host.balancer.directory / f"current/b{bucket:03d}"
        link.unlink()
        os.symlink("../../servers/green-app1", link)
    served = host.routes()
    assert sum(count for server, count in served.items() if server.startswith("blue")) not in (1000, 0)
    assert not info(host.balancer)["consistent"]


def test_what_a_writer_of_a_token_left_is_removed(host: Host) -> None:
    """Killed between the temporary file and its renaming, by way of a limit on the size of files."""
    for act in ("bar_token(7)", "learn(7)"):
        script = (
            "import resource, signal; from pathlib import Path;"
            "from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence;"
            "signal.signal(signal.SIGXFSZ, signal.SIG_DFL); resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0));"
            f"Fence(Path({str(host.balancer.directory)!r}), 0).{act}"
        )
        ended = subprocess.run([sys.executable, "-B", "-c", script], check=False, capture_output=True)
        assert ended.returncode < 0, ended
    assert {path.name.split(".")[1] for path in host.balancer.directory.glob(".*")} == {"barred", "token"}
    converge(host, 0)
    assert leftovers(host) == []
    assert Fence(host.balancer.directory, 0).barred() == 0


def installer(wanted: Path) -> list[str]:
    return [sys.executable, "-B", INSTALLER, str(wanted)]


def write_wanted(host: Host, wanted: Path, extra: str, shutdown_timeout: int) -> str:
    """Write down a structure for the installer; its digest."""
    host.shutdown_timeout = shutdown_timeout
    structure = host.structure(extra)
    files = {str(path): text for path, text in structure.files.items()}
    wanted.write_text(json.dumps({"config": host.config.to_dict(), "files": files}), encoding="utf-8")
    return structure.digest()


def beside_the_files(host: Host) -> list[Path]:
    return [path for file in host.structure().files for path in file.parent.glob(f".{file.name}.*")]


def test_an_installation_killed_anywhere_serves_and_is_completed(host: Host, tmp_path: Path) -> None:
    wanted, log = tmp_path / "wanted.json", tmp_path / "log"
    write_wanted(host, wanted, "# traced\n", 61)
    traced = "rename,renameat,renameat2,fsync,fchmod,unlink,write,flock,vfork,clone,clone3,kill"
    subprocess.run(["strace", "-o", str(log), "-e", f"trace={traced}", *installer(wanted)], check=True)
    counted = Counter(re.findall(r"^([a-z0-9]+)\(", log.read_text(), re.MULTILINE))
    killed, left = 0, 0
    for turn, (name, number) in enumerate(chosen(counted)):
        old = host.service.loaded()
        new = write_wanted(host, wanted, f"# {turn}\n", 60 + turn % 2)
        inject = f"inject={name}:signal=KILL:when={number}"
        ended = subprocess.run(
            ["strace", "-o", "/dev/null", "-e", f"trace={name}", "-e", inject, *installer(wanted)],
            check=False,
            capture_output=True,
        )
        killed += ended.returncode in (-9, 137)
        assert host.service.loaded() in (old, new, ""), f"{name} {number}"
        assert get()[0] == 200, f"{name} {number}"
        assert subprocess.run(["nginx", "-t", "-q"], check=False).returncode == 0, f"{name} {number}"
        left += len(beside_the_files(host))
        subprocess.run(installer(wanted), check=True)
        assert host.service.loaded() == new, f"{name} {number}"
        assert beside_the_files(host) == [], f"{name} {number}"
    print(f"killed {killed} times, {left} temporary files swept")
    assert killed >= 15 and left > 0
