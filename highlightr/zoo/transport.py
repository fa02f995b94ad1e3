"""One HTTP request, made so that a server cannot lead it astray.

http and https only, at most five redirects, never from https down to http, proxies as the environment says. What
comes back is the open response, or one of two errors: `TryAgain` for what may pass, `WeightsError` for what will not.
If only machines of the public internet may be connected to, a name is resolved once, and what was looked at is what is
connected to, so that a name whose answers change gains nothing.
"""

from __future__ import annotations

import http
import http.client
import ipaddress
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import IO, Any
from urllib.parse import urlsplit

from highlightr.core.errors import WeightsError

_EMBEDDING = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))
"""IPv6 addresses whose last four bytes are an IPv4 address (NAT64, and the old compatible form)."""

MAX_REDIRECTS = 5
MAX_WAIT_SECONDS = 60.0
"""A server that asks for more patience than this is given up on in the usual way."""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be different a moment later."""


class TryAgain(Exception):  # noqa: N818  (a state of affairs, caught inside the zoo, not a user's error)
    """The transfer failed in a way that may pass."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds
        """How long the server asked to be left alone."""


class Changed(TryAgain):
    """What was received so far does not fit the file on the server any more."""


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


def _connect_public(address: tuple[str, int], timeout: Any = None, source_address: Any = None) -> socket.socket:
    """As `socket.create_connection`, but to public addresses only.

    Raises:
        PrivateAddressError: one of the host's addresses is not public.
        OSError: the host is unknown or does not answer.
    """
    host, port = address
    found = [info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    proxies = urllib.request.getproxies().values()  # The user's own choice, wherever they are.
    if host not in {urlsplit(proxy if "//" in proxy else f"//{proxy}").hostname for proxy in proxies}:
        _refuse_private(host, found)
    failure: OSError = OSError(f"{host} has no address")
    for each in found:
        try:
            return socket.create_connection((str(each), port), timeout, source_address)
        except OSError as error:
            failure = error
    raise failure


def _check_public(url: str) -> None:
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


class _PublicHandler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens ``http`` and ``https`` addresses, connecting to public ones only; a certificate is that of the name."""

    def do_open(self, http_class: Any, req: urllib.request.Request, **http_conn_args: Any) -> http.client.HTTPResponse:
        """See `urllib.request.AbstractHTTPHandler`."""

        def connection(*args: Any, **named: Any) -> http.client.HTTPConnection:
            made: http.client.HTTPConnection = http_class(*args, **named)
            vars(made)["_create_connection"] = _connect_public
            return made

        return super().do_open(connection, req, **http_conn_args)


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = MAX_REDIRECTS
    max_repeats = MAX_REDIRECTS

    def __init__(self, public_only: bool = False) -> None:
        self._public_only = public_only

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        except ValueError as error:
            raise WeightsError(f"the server redirects to {newurl!r}, which is no address ({error})") from error
        if after not in ("http", "https"):
            raise WeightsError(f"the server redirects to {newurl!r}, which is not an http(s) address")
        if before == "https" and after == "http":
            raise WeightsError(f"the server redirects from https to unencrypted http ({newurl})")
        if self._public_only:
            _check_public(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(public_only: bool) -> urllib.request.OpenerDirector:
    own = (_PublicHandler(),) if public_only else (urllib.request.HTTPHandler(), urllib.request.HTTPSHandler())
    # build_opener would add file:, ftp: and data:, which no address in the manifest may lead to.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        *own,
        _Redirects(public_only),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


def open_url(
    url: str, headers: Mapping[str, str], timeout_seconds: float, *, public_only: bool = False
) -> http.client.HTTPResponse:
    """Send a GET request and return the response, status 200 or 206, body unread.

    With `public_only`, hosts that are not on the public internet are refused, redirects included.

    Raises:
        TryAgain: no connection, an unsatisfiable range, silence for `timeout_seconds`, or a status that may pass.
        WeightsError: another status, a forbidden redirect, a certificate that does not hold.
    """
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310  (the opener knows http(s) only)
    try:
        if public_only:
            _check_public(url)
        response = _opener(public_only).open(request, timeout=timeout_seconds)
    except PrivateAddressError as error:
        raise WeightsError(f"{error}; add --allow-private if it is meant") from error
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise Changed("the file became shorter while it was fetched") from error
        if error.code in _PASSING:
            raise TryAgain(f"HTTP status {error.code}", _asked_wait(error.headers)) from error
        raise WeightsError(f"HTTP status {error.code} ({' '.join(str(error.reason).split())})") from error
    except (ValueError, OverflowError, http.client.InvalidURL) as error:
        # A host that no name service can be asked for, or a port that there is none of.
        raise WeightsError(f"{url!r}, or where it redirects to, is no address ({error})") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise WeightsError(f"its certificate does not hold ({reason.verify_message})") from error
        raise TryAgain(f"no connection ({reason or type(reason).__name__})") from error
    if response is None:
        raise WeightsError(f"{url!r} is not an http(s) address")
    if response.status not in (200, 206):
        response.close()
        raise WeightsError(f"HTTP status {response.status}")
    return response


def _asked_wait(headers: Message) -> float:
    text = headers.get("Retry-After", "")
    return min(float(text), MAX_WAIT_SECONDS) if text.isdecimal() else 0.0
