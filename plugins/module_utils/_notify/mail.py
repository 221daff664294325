# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail, handed to a server by SMTP."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import NamedTuple

from .._gate.options import Options
from .._gate.tls import CannotTrust, Tls
from .arguments import SECURITY
from .model import Channel, Message, NotSent

STARTTLS, IMPLICIT, PLAIN = SECURITY
PORTS = {STARTTLS: 587, IMPLICIT: 465, PLAIN: 25}
ADDRESS = re.compile(r"[^\s@<>,;\"()]+@[^\s@<>,;\"()]+")
AN_ADDRESS = "write it like release@example.com"


class Server(NamedTuple):
    """Who takes the mail, and how somebody logs in there."""

    host: str
    port: int
    security: str
    tls: Tls
    user: str
    password: str


class Mail(Channel):
    """One mail a message, to all addresses at once."""

    def __init__(self, server: Server, sender: str, to: list[str]) -> None:
        self._server = server
        self._sender = sender
        self._to = to

    def send(self, message: Message, timeout: float) -> None:
        try:
            with self._connection(timeout) as connection:
                if self._server.security == STARTTLS:
                    connection.starttls(context=self._server.tls.context())
                if self._server.user:
                    connection.login(self._server.user, self._server.password)
                refused = connection.send_message(self._mail(message), self._sender, self._to)
        except CannotTrust as exc:
            raise NotSent(str(exc), again=False) from None
        except smtplib.SMTPRecipientsRefused:
            raise NotSent("the server refuses every address of 'to'", again=False) from None
        except smtplib.SMTPAuthenticationError as exc:
            raise NotSent(f"the login is refused with {exc.smtp_code}", again=False) from None
        except smtplib.SMTPResponseException as exc:
            raise NotSent(f"the server refuses with {exc.smtp_code}", again=400 <= exc.smtp_code < 500) from None
        except smtplib.SMTPNotSupportedError:
            raise NotSent("the server offers no such login or no STARTTLS", again=False) from None
        except ssl.SSLError as exc:
            raise NotSent(f"TLS failed: {getattr(exc, 'verify_message', '') or exc.reason}", again=False) from None
        except (smtplib.SMTPException, OSError) as exc:
            raise NotSent(f"the server cannot be asked: {type(exc).__name__}", again=True) from None
        if refused:
            raise NotSent(f"the server refuses {len(refused)} of {len(self._to)} addresses", again=False)

    def shown(self) -> str:
        return f"{self._server.host}:{self._server.port}"

    def _connection(self, timeout: float) -> smtplib.SMTP:
        server, name = self._server, socket.gethostname()
        if server.security == IMPLICIT:
            return smtplib.SMTP_SSL(server.host, server.port, name, timeout=timeout, context=server.tls.context())
        return smtplib.SMTP(server.host, server.port, name, timeout=timeout)

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = message.title
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._to)
        mail["Date"] = formatdate(message.facts.at)
        mail["Message-ID"] = make_msgid(message.facts.identifier, domain=self._sender.rpartition("@")[2])
        mail["X-Slipway-Event"] = message.facts.event
        mail.set_content(f"{message.text}\n")
        return mail


def make(options: Options) -> Mail:
    """Read the server, the login and the addresses."""
    security = options.choice("security", SECURITY, STARTTLS)
    server = Server(
        host=options.text("host"),
        port=options.number("port", PORTS[security], 1, 65535),
        security=security,
        tls=Tls(ca=options.text("ca", "")),
        user=options.text("user", ""),
        password=options.text("password", ""),
    )
    if bool(server.user) is not bool(server.password):
        raise options.refuse("password", "goes together with user", "give both, or neither")
    if server.user and security == PLAIN:
        raise options.refuse("security", "would send the password in the clear", f"use {STARTTLS} or {IMPLICIT}")
    sender, to = options.text("from"), options.texts("to")
    for field, address in (("from", sender), *(("to", address) for address in to)):
        if not ADDRESS.fullmatch(address):
            raise options.refuse(field, f"has {address!r}, which is no address", AN_ADDRESS)
    return Mail(server, sender, to)
