# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wall clocks of lab machines, set apart while everything runs on.

Machines of the lab share the kernel's clock, so what is shifted is what every program of a machine is told: a library
that is loaded into all of them adds the seconds in a file. Compiles it with ``cc`` below ``.cache/system``; puts the
library, the file and ``/etc/ld.so.preload`` on a machine. Time since boot, and times of files, stay as they are.
"""

from __future__ import annotations

import base64
import subprocess
import time

from tests.system.fleet import CACHE, Fleet, call

LIBRARY = "/usr/local/lib/slipway-lab-clock.so"
OFFSET = "/etc/slipway-lab/clock-offset"
PRELOAD = "/etc/ld.so.preload"
SOURCE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void) {
    int before = errno, file = open("%s", O_RDONLY | O_CLOEXEC);
    char text[32] = "";
    if (file >= 0 && read(file, text, sizeof text - 1) < 0) text[0] = 0;
    if (file >= 0) close(file);
    errno = before;
    return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *found) {
    int failed = syscall(SYS_clock_gettime, clock, found);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) found->tv_sec += offset();
    return failed;
}

int gettimeofday(struct timeval *restrict found, void *restrict zone) {
    int failed = syscall(SYS_gettimeofday, found, zone);
    if (!failed) found->tv_sec += offset();
    return failed;
}

time_t time(time_t *found) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (found) *found = now.tv_sec;
    return now.tv_sec;
}
"""


def install(fleet: Fleet, *hosts: str) -> None:
    """Let every program of these machines be told the time by the library, from their next start on."""
    source, library = CACHE / "clock.c", CACHE / "clock.so"
    source.write_text(SOURCE % OFFSET, encoding="ascii")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    text = base64.b64encode(library.read_bytes()).decode("ascii")
    for host in hosts:
        fleet.inside(host, "sh", "-c", f"echo {text} | base64 -d > {LIBRARY} && echo {LIBRARY} > {PRELOAD}")
        call("lab", "poweroff", "--name", fleet.lab, host)
        call("lab", "start", "--name", fleet.lab, host)


def put(fleet: Fleet, host: str, seconds: int) -> None:
    """Set a machine's clock apart from this computer's by so many seconds, at once."""
    fleet.inside(host, "sh", "-c", f"echo {seconds} > {OFFSET}.new && mv {OFFSET}.new {OFFSET}")


def apart(fleet: Fleet, host: str) -> float:
    """By how many seconds a machine's programs believe to be later than this computer."""
    return float(fleet.inside(host, "python3", "-c", "import time; print(time.time())")) - time.time()


def remove(fleet: Fleet, *hosts: str) -> None:
    """Everybody is told the time of this computer again."""
    for host in hosts:
        fleet.inside(host, "rm", "-f", PRELOAD, OFFSET)
