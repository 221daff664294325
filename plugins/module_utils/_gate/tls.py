# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a server of HTTPS proves who it is: the option ``tls``, and what Python's ssl makes of it.

Reads the file of certificates to trust; touches nothing.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from .options import Options


class CannotTrust(Exception):
    """The certificates to trust cannot be read."""


@dataclass(frozen=True)
class Tls:
    """How a server proves who it is.

    :param verify: check the certificate and its name.
    :param ca: file with the certificates to trust; empty for those of the system.
    :param server_name: the name to ask for and to check; empty for the host of the URL.
    :param min_days: days that the certificate must still be valid; 0 for no such demand.
    """

    verify: bool = True
    ca: str = ""
    server_name: str = ""
    min_days: int = 0

    def context(self) -> ssl.SSLContext:
        """For a new connection.

        :raises CannotTrust: the certificates to trust cannot be read.
        """
        if not self.verify:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        try:
            return ssl.create_default_context(cafile=self.ca or None)
        except OSError as exc:
            raise CannotTrust(f"the CA file '{self.ca}' cannot be used: {exc.strerror or exc}") from exc


FULL_PROOF = Tls()


def tls_of(options: Options, *, secure: bool) -> Tls:
    """Read the option ``tls``.

    :param secure: the URL is one of HTTPS.
    """
    if options.given("tls") and not secure:
        raise options.refuse("tls", "is of no use for an http URL", "use an https URL, or remove it")
    sub = options.sub("tls")
    tls = Tls(
        verify=sub.flag("verify", True),
        ca=sub.text("ca", ""),
        server_name=sub.text("server_name", ""),
        min_days=sub.number("min_days", 0, 0, 3650),
    )
    sub.done("tls")
    if not tls.verify and (tls.min_days or tls.ca):
        raise sub.refuse("verify", "is false, so ca and min_days could not be checked", "set it to true")
    return tls
