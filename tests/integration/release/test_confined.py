# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a component of a placed release may do and see, on a machine with systemd."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
)
from tiny import APP, LAYOUT, Release, systemctl


def test_the_component_is_confined(tmp_path):
    probe = (
        "import json, os, subprocess\n"
        "def tried(action):\n"
        "    try:\n        action()\n        return True\n    except OSError:\n        return False\n"
        "result = {\n"
        " 'etc': tried(lambda: open('/etc/slipway-probe', 'w')),\n"
        " 'release': tried(lambda: open('probe', 'w')),\n"
        " 'secrets': tried(lambda: os.listdir('../secrets')),\n"
        " 'environment': tried(lambda: open('../environment')),\n"
        " 'shared': tried(lambda: open('uploads/probe', 'w')),\n"
        " 'state': tried(lambda: open(os.environ['STATE_DIRECTORY'] + '/probe', 'w')),\n"
        " 'home': tried(lambda: open('/home/visible')),\n"
        " 'elsewhere': tried(lambda: open('/srv/slipway-open/probe', 'w')),\n"
        " 'privileges': [line for line in open('/proc/self/status')\n"
        "                if line.startswith(('NoNewPrivs', 'CapBnd', 'Seccomp:'))],\n"
        "}\n"
        "json.dump(result, open('uploads/result', 'w'))\n"
    )
    Path("/home/visible").write_text("visible without ProtectHome")
    Path("/srv/slipway-open").mkdir(exist_ok=True)
    Path("/srv/slipway-open").chmod(0o777)
    component = {"name": "job", "kind": "worker", "command": "python3 probe.py"}
    release = Release(
        tmp_path,
        "1.0",
        components=[component],
        extra={"probe.py": probe},
        secrets={"s": "x"},
        shared_directories=["uploads"],
    )
    release.place("blue")
    systemctl("start", f"slipway-{APP}-job@blue.service")
    result = LAYOUT.shared / "uploads" / "result"
    give_up = time.monotonic() + 10
    while not result.exists() or not result.read_text():
        assert time.monotonic() < give_up
        time.sleep(0.05)
    found = json.loads(result.read_text())
    privileges = {line.split(":")[0]: line.split()[1] for line in found.pop("privileges")}
    assert found == {
        "etc": False,
        "release": False,
        "secrets": False,
        "environment": False,
        "shared": True,
        "state": True,
        "home": False,
        "elsewhere": False,
    }
    assert privileges == {"NoNewPrivs": "1", "CapBnd": "0000000000000000", "Seccomp": "2"}


def test_secrets_are_nowhere_but_in_their_files(tmp_path):
    secret = "hunter2-hunter2"
    release = Release(tmp_path, "1.0", secrets={"database": secret})
    diff = json.dumps(release.place("blue").diff)
    assert secret not in diff
    holders = [
        path for path in (*LAYOUT.home.rglob("*"), *LAYOUT.state.rglob("*")) if path.is_file() and not path.is_symlink()
    ]
    holders = [path for path in holders if secret in path.read_text(errors="replace")]
    assert holders == [LAYOUT.revision(release.id) / "secrets" / "database"]
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(holders[0].parent.stat().st_mode) == 0o700
    units = "".join(path.read_text() for path in LAYOUT.units.glob(f"slipway-{APP}*"))
    assert secret not in units
    with pytest.raises(InputError, match="not the ones"):
        Release(tmp_path, "2.0", secrets={"database": secret}).place("green", source=release.source(secrets={}))
