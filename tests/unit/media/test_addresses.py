"""Every known way to talk a server into visiting itself."""

from __future__ import annotations

import socket

import pytest

from app.errors import AppError, FetchError, ForbiddenAddressError
from app.media.addresses import Guard, is_public, parse_address

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2606:4700::1111%eth0",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_no_corner_of_the_private_world_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "8.8.8.8/32", "not an address"])
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public(text)


# Each of these must be refused before a single byte goes out. Hosts are written the way that attackers write them.
BYPASSES = [
    # the machine itself, by all its names
    "http://127.0.0.1/",
    "http://localhost/",
    "http://LOCALHOST:80/",
    "http://localhost./",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0x7f.1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0177.0.0.01/",
    "http://127.0.0.1./",
    "http://127.000.000.001/",
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[0000::1]:8080/",
    # digits and dots that only look odd (normalised to ASCII ones)
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    # neighbours
    "http://10.0.0.1/",
    "http://192.168.1.1:8443/",
    "http://172.16.0.1/",
    "http://100.64.0.1/",
    "http://[fd00::1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25lo]/",
    # the cloud's own service
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[fd00:ec2::254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    # one text, two readings
    "http://8.8.8.8@127.0.0.1/",
    "http://127.0.0.1@8.8.8.8/",
    "http://user:secret@8.8.8.8/",
    "http://@8.8.8.8/",
    "http://8.8.8.8\\@127.0.0.1/",
    "http://127.0.0.1\\@8.8.8.8/",
    "http://8.8.8.8%40127.0.0.1/",
    "http://8.8.8.8#@127.0.0.1/@",
    "http://8.8.8.8 127.0.0.1/",
    "http://127.0.0.1\t/",
    "http://127.0.0.1\r\nHost: 8.8.8.8/",
    "http://8.8.8.8\x00.127.0.0.1/",
    "http:///127.0.0.1/",
    "http:127.0.0.1/",
    "//127.0.0.1/",
    "127.0.0.1/",
    "http://[::1/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:8o/",
    # other ways to speak
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "ftp://8.8.8.8/",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/",
    "data:text/html,hello",
    "javascript:alert(1)",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "jar:http://8.8.8.8!/",
    "rtsp://8.8.8.8/",
    "concat:http://8.8.8.8/",
    "",
    "http://",
    "https://?",
]


class NoWayOut(Exception):
    """Raised where a test's guard would open a connection."""


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked up by the machine itself, and no connection leaves it."""
    real = socket.getaddrinfo

    def lookup(host: str, *args: object, **kwargs: object) -> object:
        # numbers in any notation, and the names in /etc/hosts: nothing here asks a name server
        if not (host.replace(".", "").isalnum() or ":" in host) or host.strip(".").endswith(("test", "invalid")):
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return real(host, *args, **kwargs)  # type: ignore[arg-type]

    def connect(self: socket.socket, address: object) -> None:
        raise NoWayOut(address)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("url", BYPASSES)
def test_no_bypass_connects(url: str) -> None:
    if url == "http://8.8.8.8#@127.0.0.1/@":
        # everything after # is a fragment: this is the public host, in every reading that connects
        assert parse_address(url).host == "8.8.8.8"
        return
    with pytest.raises(AppError) as caught:
        parts = parse_address(url)
        Guard().connect(parts.host or "", parts.port or 80, 1.0)
    assert isinstance(caught.value, FetchError)
    assert caught.value.message.endswith(".")


def test_there_are_enough_of_them() -> None:
    assert len(set(BYPASSES)) >= 40


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("url", ["http://8.8.8.8/a?b=c", "https://[2606:4700:4700::1111]:8443/", "HTTP://1.1.1.1"])
def test_public_addresses_are_connected_to(url: str) -> None:
    parts = parse_address(url)
    with pytest.raises(NoWayOut, match=(parts.host or "").strip("[]")):
        Guard().connect(parts.host or "", parts.port or 80, 1.0)


def answers(*addresses: str) -> list[tuple[object, ...]]:
    return [
        (
            socket.AF_INET6 if ":" in one else socket.AF_INET,
            socket.SOCK_STREAM,
            6,
            "",
            (one, 80, 0, 0) if ":" in one else (one, 80),
        )
        for one in addresses
    ]


@pytest.mark.usefixtures("sealed")
def test_one_private_address_among_public_ones_is_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers("8.8.8.8", "10.0.0.7"))
    with pytest.raises(ForbiddenAddressError, match="private network"):
        Guard().connect("two-faced.example", 80, 1.0)


@pytest.mark.usefixtures("sealed")
def test_a_name_that_changes_its_answer_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: public for the check, private for the connection."""
    replies = iter([answers("8.8.8.8"), answers("127.0.0.1")])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: next(replies))
    with pytest.raises(NoWayOut, match=r"8\.8\.8\.8"):
        Guard().connect("rebinding.example", 80, 1.0)


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("allowed", ["127.0.0.1", " LOCALHOST ", "localhost."])
def test_a_host_can_be_allowed_by_name(allowed: str) -> None:
    host = allowed.strip(" .").lower()
    with pytest.raises(NoWayOut):
        Guard([allowed]).connect(host, 80, 1.0)
    with pytest.raises(ForbiddenAddressError):
        Guard([allowed]).connect("127.0.0.2", 80, 1.0)


@pytest.mark.usefixtures("sealed")
def test_allowing_one_name_does_not_allow_another_of_the_same_machine() -> None:
    with pytest.raises(ForbiddenAddressError):
        Guard(["localhost"]).connect("127.0.0.1", 80, 1.0)


def test_a_refusal_is_remembered() -> None:
    guard = Guard()
    with pytest.raises(ForbiddenAddressError):
        guard.connect("127.0.0.1", 80, 1.0)
    assert isinstance(guard.refused, ForbiddenAddressError)


@pytest.mark.parametrize(
    ("url", "host", "rest"),
    [
        ("HTTPS://Example.ORG:8443/a b".replace(" ", "%20"), "example.org", "/a%20b"),
        ("http://example.org/ü?q=ß", "example.org", "/%C3%BC?q=%C3%9F"),
        ("http://bücher.example/", "xn--bcher-kva.example", "/"),
        ("  http://example.org/x#part  ", "example.org", "/x"),
    ],
)
def test_good_addresses_are_taken_apart(url: str, host: str, rest: str) -> None:
    parts = parse_address(url)
    assert (parts.host, parts.request_uri) == (host, rest)


def test_endless_addresses_are_refused() -> None:
    with pytest.raises(FetchError, match="too long"):
        parse_address("http://example.org/" + "x" * 5000)
