# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian 12 root that all machines share, built once by mmdebstrap and kept under ``.cache/lab``.

Touches ``.cache/lab/root-<digest>`` only. Uses this machine's own package sources for Debian 12 and its proxy
settings for the build; neither stays in the root, since lab machines reach no package archive.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .commands import require, run
from .errors import LabError
from .plan import CACHE

SUITE = "bookworm"
PACKAGES = (
    "ca-certificates",
    "chromium",
    "curl",
    "dbus",
    "fonts-dejavu-core",
    "git",
    "haproxy",
    "iproute2",
    "iputils-ping",
    "keepalived",
    "less",
    "libpam-systemd",
    "nftables",
    "nginx",
    "openssh-server",
    "pgbackrest",
    "pgbouncer",
    "poppler-utils",
    "postgresql-15",
    "procps",
    "prometheus",
    "python3",
    "python3-psycopg2",
    "python3-pytest",
    "python3-requests",
    "socat",
    "strace",
    "sudo",
    "systemd",
    "systemd-sysv",
)
DISABLED = "haproxy keepalived nginx pgbouncer postgresql prometheus e2scrub_reap nftables"
MASKED = (
    "apt-daily-upgrade.timer apt-daily.timer console-getty.service dev-hugepages.mount dpkg-db-backup.timer "
    "e2scrub_all.timer fstrim.timer getty-static.service getty.target modprobe@.service "
    "sys-fs-fuse-connections.mount systemd-ask-password-console.path systemd-ask-password-wall.path "
    "systemd-firstboot.service systemd-networkd.service systemd-networkd.socket "
    "systemd-networkd-wait-online.service systemd-pstore.service systemd-update-utmp-runlevel.service"
)
LOCALE_HOOK = """set -e
mkdir -p "$1/etc/default"
echo LANG=C.UTF-8 > "$1/etc/default/locale"
"""
CUSTOMIZE_HOOK = f"""set -e
chroot "$1" systemctl disable --quiet {DISABLED}
chroot "$1" systemctl mask --quiet {MASKED}
chroot "$1" systemctl set-default --quiet multi-user.target
chroot "$1" useradd --create-home --shell /bin/bash deploy
echo 'deploy ALL=(ALL) NOPASSWD: ALL' > "$1/etc/sudoers.d/deploy"
chmod 0440 "$1/etc/sudoers.d/deploy"
cat > "$1/etc/ssh/sshd_config.d/lab.conf" <<END
AuthorizedKeysFile .ssh/authorized_keys /etc/slipway-lab/authorized_keys
PasswordAuthentication no
PermitRootLogin prohibit-password
PrintLastLog no
UseDNS no
MaxStartups 100
MaxSessions 100
END
mkdir -p "$1/etc/systemd/journald.conf.d" "$1/var/log/journal" "$1/mnt/slipway"
cat > "$1/etc/systemd/journald.conf.d/lab.conf" <<END
[Journal]
Storage=persistent
SystemMaxUse=64M
RateLimitBurst=0
END
rm -f "$1/etc/hostname" "$1/etc/machine-id" "$1/var/lib/dbus/machine-id" "$1/etc/resolv.conf"
rm -rf "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/apt/sources.list" "$1/etc/apt/sources.list.d"/* \
  "$1/usr/share/doc"/* "$1/usr/share/man"/* "$1/usr/share/javascript"
"""
PROXY_SETTINGS = re.compile(r"^Acquire::[A-Za-z]+::(Proxy|Verify-Peer|Verify-Host|CaInfo|CaPath)[^ ]* ")


def digest() -> str:
    """Digest of everything that decides what the root contains."""
    recipe = "\n".join([SUITE, *PACKAGES, LOCALE_HOOK, CUSTOMIZE_HOOK])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def path() -> Path:
    """Where the root of today's recipe is or will be."""
    return CACHE / f"root-{digest()}"


def ensure() -> Path:
    """Build the root unless it is there; an interrupted build leaves nothing that is taken for a root."""
    target = path()
    if target.is_dir():
        return target
    require("mmdebstrap")
    CACHE.mkdir(parents=True, exist_ok=True)
    for stale in CACHE.glob("build-*"):
        shutil.rmtree(stale)
    unfinished = Path(tempfile.mkdtemp(prefix="build-", dir=CACHE))
    unfinished.chmod(0o755)
    build(unfinished / "root", CACHE / "root.log")
    (unfinished / "root").rename(target)
    shutil.rmtree(unfinished)
    prune(target)
    return target


def prune(keep: Path) -> None:
    """Delete the roots of earlier recipes that no machine of this checkout has below its disk."""
    used = {origin.read_text(encoding="utf-8").split("\n")[0] for origin in CACHE.glob("*/machines/*/made-from")}
    for other in CACHE.glob("root-*"):
        if other.is_dir() and other != keep and other.name not in used:
            shutil.rmtree(other)


def build(target: Path, log: Path) -> None:
    """Run mmdebstrap; its output goes to the log."""
    sources = [str(source) for source in debian_sources(Path("/etc/apt"))]
    with tempfile.TemporaryDirectory() as scratch:
        settings = Path(scratch) / "apt.conf"
        settings.write_text(proxy_settings(run(["apt-config", "dump"], check=False)), encoding="utf-8")
        argv = [
            "mmdebstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            f"--aptopt={settings}",
            f"--essential-hook={LOCALE_HOOK}",
            f"--customize-hook={CUSTOMIZE_HOOK}",
            SUITE,
            str(target),
            *sources,
        ]
        with log.open("w", encoding="utf-8") as output:
            environment = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
            code = subprocess.call(argv, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment)
    if code != 0:
        raise LabError(f"mmdebstrap failed with {code}", f"read {log}; the package archive must be reachable")


def debian_sources(directory: Path) -> list[Path]:
    """This machine's apt source files that serve Debian 12 and nothing else; none means mmdebstrap's own choice."""
    candidates = [directory / "sources.list", *sorted((directory / "sources.list.d").glob("*"))]
    return [source for source in candidates if source.is_file() and serves_suite(source)]


def serves_suite(source: Path) -> bool:
    """Tell whether all suites named in a source file are Debian 12 and its updates."""
    text = re.sub(r"#.*", "", source.read_text(encoding="utf-8"))
    if source.suffix == ".sources":
        suites = [suite for line in re.findall(r"(?im)^Suites:(.*)$", text) for suite in line.split()]
    elif source.suffix == ".list":
        suites = re.findall(r"(?m)^\s*deb(?:-src)?\s+(?:\[[^]]*\]\s+)?\S+\s+(\S+)", text)
    else:
        return False
    wanted = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
    return bool(suites) and set(suites) <= wanted


def proxy_settings(dump: str) -> str:
    """The lines of ``apt-config dump`` that say how the archive is reached."""
    return "".join(f"{line}\n" for line in dump.splitlines() if PROXY_SETTINGS.match(line))
