"""Which machines may be connected to: with a guard, those of the public internet only.

In: a host that a user, a list or a redirect named. Out: a connection to an address that was looked at. The name is
resolved once, and what was looked at is what is connected to, so that a name whose answers change gains nothing.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, Request, getproxies

_EMBEDDING = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))
"""IPv6 addresses whose last four bytes are an IPv4 address (NAT64, and the old compatible form)."""


class PrivateAddressError(Exception):
    """The host is this machine, or lies in a private network."""


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public internet, also where it wraps another."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        wrapped += [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) for net in _EMBEDDING if address in net]
        if not all(is_public(str(each)) for each in wrapped if each is not None):
            return False
    return address.is_global and not address.is_multicast


def connect_public(address: tuple[str, int], timeout: Any = None, source_address: Any = None) -> socket.socket:
    """As `socket.create_connection`, but to public addresses only.

    Raises:
        PrivateAddressError: one of the host's addresses is not public.
        OSError: the host is unknown or does not answer.
    """
    host, port = address
    found = [info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if host not in _proxy_hosts():
        _refuse_private(host, found)
    failure: OSError = OSError(f"{host} has no address")
    for each in found:
        try:
            return socket.create_connection((str(each), port), timeout, source_address)
        except OSError as error:
            failure = error
    raise failure


def check_public(url: str) -> None:
    """Look at the host of an address that a proxy will connect to; one that only the proxy can look up passes.

    Raises:
        PrivateAddressError: one of its addresses is not public.
        ValueError: not an address.
    """
    host = urlsplit(url).hostname or ""
    try:
        found = [info[4][0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except OSError:
        return
    _refuse_private(host, found)


def _refuse_private(host: str, found: list[str | int]) -> None:
    private = [each for each in found if not is_public(str(each))]
    if private:
        raise PrivateAddressError(f"{host} is at {private[0]}, which is not on the public internet")


def _proxy_hosts() -> set[str | None]:
    """The proxies that the environment names: the user's own choice, wherever they are."""
    return {urlsplit(proxy if "//" in proxy else f"//{proxy}").hostname for proxy in getproxies().values()}


class PublicHandler(HTTPHandler, HTTPSHandler):
    """Opens ``http`` and ``https`` addresses, connecting to public ones only; a certificate is that of the name."""

    def do_open(self, http_class: Any, req: Request, **http_conn_args: Any) -> http.client.HTTPResponse:
        """See `urllib.request.AbstractHTTPHandler`."""

        def connection(*args: Any, **named: Any) -> http.client.HTTPConnection:
            made: http.client.HTTPConnection = http_class(*args, **named)
            vars(made)["_create_connection"] = connect_public
            return made

        return super().do_open(connection, req, **http_conn_args)
