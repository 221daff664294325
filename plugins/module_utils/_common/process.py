# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs programs of this host: no shell, no standard input but a given file, always with a time limit.

Touches what the program touches. Logic that runs outside of a module, as the host's agent does, has no
``AnsibleModule.run_command``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

TimeoutExpired = subprocess.TimeoutExpired


class Program(subprocess.Popen[bytes]):
    """A running program; standard error goes nowhere unless asked for.

    :param argv: the program and its arguments.
    :param pass_fds: descriptors that stay open in it.
    :param given: descriptor of an open file that is its standard input.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        errors: bool = False,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        given: int = subprocess.DEVNULL,
    ) -> None:
        super().__init__(
            argv,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if errors else subprocess.DEVNULL,
            cwd=cwd,
            env=env,
            pass_fds=pass_fds,
            start_new_session=True,
        )


class Finished(NamedTuple):
    """How a program ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    given: int = subprocess.DEVNULL,
) -> Finished:
    """Run a program to its end.

    :param timeout: seconds after which it is killed.
    :param given: descriptor of an open file that is its standard input.
    :raises OSError: it cannot be started.
    :raises TimeoutExpired: it was killed.
    """
    with Program(argv, errors=True, cwd=cwd, env=env, pass_fds=pass_fds, given=given) as program:
        try:
            output, errors = program.communicate(timeout=timeout)
        except BaseException:
            program.kill()
            raise
    return Finished(program.returncode, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))
