"""Says which addresses this server may fetch from, and opens connections to those only.

A server that fetches what strangers ask for can be sent to places that only it can reach (server-side request
forgery). The guard sits where the connection is opened, below every parser and redirect: a name is resolved once,
**all** its addresses must be public, and the connection goes to an address that was checked, so that neither a
second opinion on the address's text nor a second answer of the name server makes a difference.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from app.errors import AppError, FetchError, ForbiddenAddressError
from app.media.watch import LOOK_SECONDS, Watch

MAX_URL_LENGTH = 4096

BAD_PORTS = frozenset(
    [1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
     111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
     540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
     6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080, 11211]
)  # fmt: skip
"""Ports of mail, Redis and the like, which browsers do not speak HTTP to either (Fetch standard, 2.9; two added)."""

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
    if port in BAD_PORTS:
        raise ForbiddenAddressError(f"Port {port} belongs to another kind of service than the web.")
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
        stop: Called several times a second, from a thread; an AppError that it raises ends all connections and
            is kept in ``stopped``.

    Attributes:
        refused: Why the last connection was refused, or ``None``; kept because libraries swallow exceptions.
    """

    def __init__(
        self,
        allowed_hosts: Iterable[str] = (),
        max_seconds: float = 3600.0,
        connect_seconds: float | None = None,
        stop: Callable[[], None] | None = None,
    ) -> None:
        self._allowed = frozenset(_plain(host) for host in allowed_hosts)
        self._connect_seconds = connect_seconds
        self._watch = Watch(max_seconds, stop)
        self.refused: ForbiddenAddressError | None = None

    def __enter__(self) -> Guard:
        self._watch.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.__exit__()

    @property
    def expired(self) -> bool:
        """Whether time was up."""
        return self._watch.expired

    @property
    def stopped(self) -> AppError | None:
        """What ``stop`` raised, or ``None``."""
        return self._watch.stopped

    def check(self) -> None:
        """Call between pieces.

        Raises:
            AppError: What ``stop`` raised.
        """
        if self._watch.stopped is not None:
            raise self._watch.stopped

    def watch(self, connection: socket.socket) -> None:
        """Has a connection broken off when time is up, or when the download is stopped."""
        self._watch.add(connection)

    def pause(self, seconds: float) -> None:
        """Waits, but not beyond the end."""
        self._watch.pause(seconds)

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
        until = time.monotonic() + self._watch.seconds_left
        if self._connect_seconds is not None:
            until = min(until, time.monotonic() + self._connect_seconds)
        for family, address in self.resolve(host, port):
            left = until - time.monotonic()
            if left <= 0 or self._watch.ended:
                break
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(left if timeout is None else min(timeout, left))
                self._watch.add(connection)
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
            ForbiddenAddressError: One of them is not public, and the host is not allowed by name; or the port belongs
                to another kind of service.
            OSError: The name does not resolve.
        """
        name = _plain(host)
        if port in BAD_PORTS:
            self.refused = ForbiddenAddressError(f"Port {port} belongs to another kind of service than the web.")
            raise self.refused
        try:
            found = _look_up(name, port, self._connect_seconds, self._watch)
        except UnicodeError as error:  # a name that cannot be written in ASCII
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
        if name not in self._allowed and not all(is_public(str(address[0])) for *_, address in found):
            self.refused = ForbiddenAddressError(
                f"The address {name} lies in a private network, where this server does not go. "
                "Whoever runs the server can allow it with ALLOWED_FETCH_HOSTS."
            )
            raise self.refused
        return [(family, address) for family, _, _, _, address in found]


_Found = list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]]


def _look_up(name: str, port: int, seconds: float | None, watch: Watch) -> _Found:
    """``getaddrinfo``, which knows no time limit of its own and cannot be stopped: it is left behind in its thread."""
    answer: Future[_Found] = Future()

    def run() -> None:
        try:
            found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            answer.set_result(found)  # type: ignore[arg-type]  # IP only
        except (OSError, UnicodeError) as error:
            answer.set_exception(error)
        finally:
            if not answer.done():  # whatever it was, the other thread waits for an answer
                answer.set_exception(socket.gaierror(socket.EAI_FAIL, "the look-up failed"))

    threading.Thread(target=run, name="look-up", daemon=True).start()
    until = None if seconds is None else time.monotonic() + seconds
    while not watch.ended and (until is None or time.monotonic() < until):
        try:
            return answer.result(LOOK_SECONDS if until is None else min(LOOK_SECONDS, until - time.monotonic()))
        except NotYetError:
            if answer.done():
                return answer.result()  # it came just now, or it is the look-up's own error
    raise TimeoutError("no answer of the name server in time")


def _plain(host: str) -> str:
    return host.strip().strip("[]").rstrip(".").lower()
