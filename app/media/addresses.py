"""Says which addresses this server may fetch from, and opens connections to those only.

A server that fetches what strangers ask for can be sent to places that only it can reach (server-side request
forgery). The guard sits where the connection is opened, below every parser and redirect: a name is resolved once,
**all** its addresses must be public, and the connection goes to an address that was checked, so that neither a
second opinion on the address's text nor a second answer of the name server makes a difference.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import threading
import time
import weakref
from collections.abc import Iterable
from concurrent.futures import Future

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from app.errors import FetchError, ForbiddenAddressError

MAX_URL_LENGTH = 4096

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]+\]")
"""What is left of a host once it is ASCII: a name, an address, or an IPv6 address without a scope."""

_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SHUT = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.88.99.0/24",  # once 6to4 relays (RFC 7526)
        "2001::/23",  # Teredo and other protocols (RFC 2928)
        "2001:db8::/32",  # examples (RFC 3849)
        "2002::/16",  # 6to4: an IPv4 address in disguise (RFC 3056)
        "3fff::/20",  # examples (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
    )
)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet.

    Args:
        address: An IPv4 or IPv6 address as text; a scope (``%eth0``) makes it not public.

    Returns:
        False for everything private, local, reserved, multicast, or that wraps such an IPv4 address.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip.scope_id is not None or ip not in _GLOBAL_V6:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not any(ip in network for network in _SHUT)


def parse_address(url: str) -> Url:
    """Takes the text of an address apart, the way that the connection will be made.

    Args:
        url: What a person gave, or a redirect.

    Returns:
        Its parts; scheme ``http`` or ``https``, host in lower case ASCII, never with a user name.

    Raises:
        ForbiddenAddressError: Another scheme, a user name or password in it, or tricks with odd characters.
        FetchError: It is no address.
    """
    text = url.strip()
    if len(text) > MAX_URL_LENGTH:
        raise FetchError("This address is too long.")
    if any(character <= " " or character in "\\\x7f" for character in text):
        raise ForbiddenAddressError("This address contains blanks or other characters that do not belong there.")
    try:
        parts = parse_url(text)
        port = parts.port
    except (LocationParseError, ValueError) as error:
        raise FetchError("This is not a valid web address.") from error
    if parts.scheme not in ("http", "https"):
        raise ForbiddenAddressError("Only addresses that begin with http:// or https:// can be fetched.")
    if not parts.host or not _HOST.fullmatch(parts.host) or port == 0:
        raise FetchError("This is not a valid web address.")
    if "@" in re.split(r"[/?#]", text.partition("//")[2], maxsplit=1)[0]:
        raise ForbiddenAddressError("An address with a user name or password in it cannot be fetched.")
    return parts._replace(fragment=None)


class Guard:
    """Opens connections for one download, to permitted addresses only, and ends them all when time is up.

    Args:
        allowed_hosts: Names or addresses that may be private, such as a media server in one's own network.
        max_seconds: Time for the whole download.
        connect_seconds: Time for one connection, all addresses of a host and the look-up of its name included; when
            ``None`` the look-up takes as long as the system likes, and each address has the time of its own.

    Attributes:
        refused: Why the last connection was refused, or ``None``; kept because libraries swallow exceptions.
        expired: Whether time was up.
    """

    def __init__(
        self, allowed_hosts: Iterable[str] = (), max_seconds: float = 3600.0, connect_seconds: float | None = None
    ) -> None:
        self._allowed = frozenset(_plain(host) for host in allowed_hosts)
        self._deadline = time.monotonic() + max_seconds
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._connect_seconds = connect_seconds
        self.refused: ForbiddenAddressError | None = None
        self.expired = False
        self._timer = threading.Timer(max_seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> Guard:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, connection: socket.socket) -> None:
        """Has a connection broken off when time is up."""
        self._open.add(connection)

    def connect(self, host: str, port: int, timeout: float | None) -> socket.socket:
        """Opens a TCP connection.

        Args:
            host: Name or address.
            port: Port.
            timeout: Seconds to wait for each address.

        Returns:
            The connected socket.

        Raises:
            ForbiddenAddressError: One of the host's addresses is not public, and the host is not allowed by name.
            OSError: It does not resolve, does not answer, or time is up.
        """
        failure: OSError = TimeoutError("time is up")
        until = self._deadline
        if self._connect_seconds is not None:
            until = min(until, time.monotonic() + self._connect_seconds)
        for family, address in self.resolve(host, port):
            left = until - time.monotonic()
            if left <= 0:
                break
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(left if timeout is None else min(timeout, left))
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        raise failure

    def resolve(self, host: str, port: int) -> list[tuple[int, tuple[str, int] | tuple[str, int, int, int]]]:
        """Addresses of a host, all of them checked.

        Raises:
            ForbiddenAddressError: One of them is not public, and the host is not allowed by name.
            OSError: The name does not resolve.
        """
        name = _plain(host)
        try:
            found = _look_up(name, port, self._connect_seconds)
        except UnicodeError as error:  # a name that cannot be written in ASCII
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
        if name not in self._allowed and not all(is_public(str(address[0])) for *_, address in found):
            self.refused = ForbiddenAddressError(
                f"The address {name} lies in a private network, where this server does not go. "
                "Whoever runs the server can allow it with ALLOWED_FETCH_HOSTS."
            )
            raise self.refused
        return [(family, address) for family, _, _, _, address in found]

    def _expire(self) -> None:
        self.expired = True
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                # a TLS socket's own shutdown is not made to be called while another thread reads
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


_Found = list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]]


def _look_up(name: str, port: int, seconds: float | None) -> _Found:
    """``getaddrinfo``, which knows no time limit of its own: with one, it is left behind in its thread."""

    def ask() -> _Found:
        return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)  # type: ignore[return-value]  # IP only

    if seconds is None:
        return ask()
    answer: Future[_Found] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except (OSError, UnicodeError) as error:
            answer.set_exception(error)

    threading.Thread(target=run, name="look-up", daemon=True).start()
    return answer.result(seconds)  # a TimeoutError is an OSError


def _plain(host: str) -> str:
    return host.strip().strip("[]").rstrip(".").lower()
