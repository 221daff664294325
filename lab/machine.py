# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine: its disk, its boot, its end and commands inside it.

Touches the machine's own directory under ``.cache/lab/<lab>/machines`` (or ``/dev/shm`` where overlayfs refuses the
former), its control groups and its processes. The overlay is mounted in the machine's own mount namespace: when the
machine dies, its mounts are gone, and none is ever left on this computer.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .commands import succeeds
from .errors import LabError
from .plan import REPOSITORY, TENS, Host, Plan

CGROUPS = Path("/sys/fs/cgroup")
FALLBACK_DISKS = Path("/dev/shm/slipway-lab")
ORIGIN = "made-from"
BOOT_SECONDS = 120
KILL_SECONDS = 10
ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "LOGNAME": "root",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "USER": "root",
}
REBOOT_CODE = 133
LAUNCH = f"""set -e
root=$1 disk=$2 namespace=$3 address=$4
shift 4
groups=
while [ "$1" != -- ]; do
  groups="$groups $1"
  mkdir -p "$1/launcher" "$1/machine"
  echo $$ > "$1/launcher/cgroup.procs"
  shift
done
shift
mount -t overlay -o "lowerdir=$root,upperdir=$disk/upper,workdir=$disk/work" overlay "$disk/merged"
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
code={REBOOT_CODE}
while [ "$code" = {REBOOT_CODE} ]; do
  ip -netns "$namespace" address flush dev eth0 scope global
  ip -netns "$namespace" address add "$address/24" broadcast + dev eth0
  code=0
  (
    for group in $groups; do sh -c 'echo $PPID' > "$group/machine/cgroup.procs"; done
    exec systemd-nspawn --directory="$disk/merged" "$@"
  ) || code=$?
done
exit "$code"
"""


def hierarchies() -> list[Path]:
    """Roots of the control group hierarchies that a machine needs: version 2 first, then systemd's own of version 1."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    if (CGROUPS / "unified" / "cgroup.procs").exists() and (CGROUPS / "systemd" / "cgroup.procs").exists():
        return [CGROUPS / "unified", CGROUPS / "systemd"]
    raise LabError("control groups version 2 are not mounted", "mount cgroup2 on /sys/fs/cgroup/unified")


def groups(host: Host) -> list[Path]:
    """The machine's control groups, one in each hierarchy."""
    return [hierarchy / "slipway-lab" / host.lab / host.name for hierarchy in hierarchies()]


def processes(group: Path) -> list[int]:
    """Ids of all processes in a control group and below."""
    found: list[int] = []
    for directory, _subdirectories, _files in os.walk(group):
        with contextlib.suppress(OSError):
            found += [int(line) for line in Path(directory, "cgroup.procs").read_text(encoding="ascii").split()]
    return sorted(set(found))


def leader(host: Host) -> int | None:
    """Id of the machine's first process as seen from here, or None when the machine is off."""
    for process in processes(groups(host)[0]):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
            ids = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
            if len(ids) == 2 and ids[1] == "1":
                return process
    return None


def kill(host: Host) -> None:
    """Pull the plug: SIGKILL for every process of the machine at once, then remove its control groups."""
    for group in groups(host):
        if (group / "cgroup.kill").exists():
            (group / "cgroup.kill").write_text("1", encoding="ascii")
    deadline = time.monotonic() + KILL_SECONDS
    for group in groups(host):
        while processes(group) or not remove_group(group):
            if time.monotonic() > deadline:
                raise LabError(f"processes of {host.name} survive SIGKILL: {processes(group)}", "restart this computer")
            time.sleep(0.02)


def remove_group(group: Path) -> bool:
    """Remove an empty control group and those below it; false while the kernel still ends processes in one of them."""
    for directory, _names, _files in os.walk(group, topdown=False):
        try:
            Path(directory).rmdir()
        except FileNotFoundError:
            continue
        except OSError as exc:
            if exc.errno != errno.EBUSY:
                raise
            return False
    return True


def overlay_works(directory: Path, root: Path) -> bool:
    """Tell whether an overlay can be mounted with its writable layer under the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        for part in ("upper", "work", "merged"):
            (Path(scratch) / part).mkdir()
        options = f"lowerdir={root},upperdir={scratch}/upper,workdir={scratch}/work"
        return succeeds(["unshare", "--mount", "mount", "-t", "overlay", "-o", options, "overlay", f"{scratch}/merged"])


def disk_places(host: Host) -> tuple[Path, Path]:
    """Where the machine's writable layer may be: beside the lab's other files, or in memory."""
    return host.directory, FALLBACK_DISKS / host.lab / host.name


def disk_directory(host: Host, root: Path) -> Path:
    """Where the machine's writable layer is; in memory when overlayfs refuses the repository's file system."""
    for place in disk_places(host):
        if place.is_dir():
            return place
    for place in disk_places(host):
        if overlay_works(place.parent, root):
            return place
    raise LabError(
        f"overlayfs works neither on {host.directory.parent} nor on {FALLBACK_DISKS}",
        "keep the repository on ext4 or xfs, or mount a tmpfs on /dev/shm",
    )


def disk_is_current(host: Host, root: Path, public_key: str) -> bool:
    """Tell whether the machine has a writable layer, made for this root and this key."""
    origins = [place / ORIGIN for place in disk_places(host)]
    return any(file.is_file() and file.read_text(encoding="utf-8") == origin(root, public_key) for file in origins)


def origin(root: Path, public_key: str) -> str:
    return f"{root.name}\n{public_key}"


def make_disk(plan: Plan, host: Host, root: Path, public_key: str) -> None:
    """Make a fresh writable layer with the lab's names and key on it."""
    remove_disk(host)
    disk = disk_directory(host, root)
    settings = disk / "upper" / "etc" / "slipway-lab"
    for directory in (disk / "work", disk / "merged", settings):
        directory.mkdir(parents=True)
    (settings / "authorized_keys").write_text(public_key, encoding="utf-8")
    (settings.parent / "hosts").write_text(hosts_file(plan), encoding="utf-8")
    (settings.parent / "hostname").write_text(f"{host.name}\n", encoding="utf-8")
    (settings.parent / "machine-id").write_text(f"{host.machine_id}\n", encoding="utf-8")
    for directory in (disk / "upper", settings.parent, settings):
        directory.chmod(0o755)
    (disk / ORIGIN).write_text(origin(root, public_key), encoding="utf-8")


def hosts_file(plan: Plan) -> str:
    """``/etc/hosts`` of the lab's machines, with those that may be added later."""
    lines = ["127.0.0.1 localhost", f"{plan.controller_address} controller", f"{plan.virtual_address} virtual"]
    possible = (Host(plan.name, f"{kind}{digit}", plan.octet) for kind in TENS for digit in range(1, 10))
    return "\n".join([*lines, *(f"{host.address} {host.name}" for host in possible)]) + "\n"


def remove_disk(host: Host) -> None:
    """Delete the machine's writable layer and console log."""
    for directory in disk_places(host):
        if directory.is_dir():
            shutil.rmtree(directory)


def boot(host: Host, root: Path, disk: Path) -> subprocess.Popen[bytes]:
    """Start the machine; it goes on when this program ends."""
    argv = [
        *("unshare", "--mount", "--propagation", "slave", "sh", "-c", LAUNCH, "slipway-lab"),
        *(str(root), str(disk), host.namespace, host.address),
        *(str(group) for group in groups(host)),
        "--",
        "--boot",
        "--register=no",
        "--keep-unit",
        "--settings=no",
        f"--machine={host.lab}-{host.name}",
        f"--hostname={host.name}",
        f"--uuid={host.machine_id}",
        f"--network-namespace-path=/run/netns/{host.namespace}",
        "--capability=CAP_NET_ADMIN",
        f"--bind-ro={REPOSITORY}:/mnt/slipway",
        "--console=read-only",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
    ]
    with (disk / "console.log").open("ab") as console:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True, cwd="/"
        )


def wait_until_ready(host: Host, disk: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the machine lets users in over SSH."""
    deadline = time.monotonic() + BOOT_SECONDS
    while not is_ready(host):
        if process.poll() is not None or time.monotonic() > deadline:
            state = f"ended with {process.returncode}" if process.returncode is not None else "did not answer SSH"
            console = (disk / "console.log").read_text(encoding="utf-8", errors="replace")[-2000:]
            raise LabError(f"the machine {host.name} {state}; its console says:\n{console}", "see the console above")
        time.sleep(0.05)


def is_ready(host: Host) -> bool:
    """Tell whether the machine answers SSH and no longer refuses ordinary users."""
    process = leader(host)
    if process is None:
        return False
    inside = Path("/proc", str(process), "root")
    booted = (inside / "run/systemd/system").is_dir() and not (inside / "run/nologin").exists()
    return booted and greets(host.address)


def greets(address: str) -> bool:
    """Tell whether an SSH server greets at the address."""
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            connection.settimeout(5)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def enter(host: Host, command: Sequence[str]) -> list[str]:
    """The command line that runs a command inside the machine as root, with a login's environment."""
    process = leader(host)
    if process is None:
        raise LabError(f"the machine {host.name} is off", f"python3 -m lab start --name {host.lab} {host.name}")
    variables = {**ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb")}
    settings = [f"{key}={value}" for key, value in variables.items()]
    namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
    place = ["--target", str(process), "--root", "--wdns=/root"]
    ends_with_us = ["setpriv", "--pdeathsig", "KILL"]
    return ["nsenter", *namespaces, *place, *ends_with_us, "env", "-i", *settings, *command]


def execute(host: Host, command: Sequence[str]) -> NoReturn:
    """Become a command inside the machine, on this terminal; it needs no network and dies with this process."""
    argv = enter(host, command)
    os.execvp(argv[0], argv)
