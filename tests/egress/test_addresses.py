"""Where a tenant's request may go: public addresses, others with the operator's consent, and some never."""

from __future__ import annotations

import ipaddress
import itertools
import random

import pytest

from remit.core.execution.outcome import CallResult
from remit.egress import ranges
from remit.egress.addresses import permitted
from remit.egress.failure import Failure
from remit.egress.hosts import HostPattern, PrivateHosts
from remit.egress.wire import parse_url
from tests.far_side import connecting, invoke, resolving, tool

SPECIAL = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.88.99.2",
    "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.255", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8",
    "64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "64:ff9b:1:ffff::1", "100::1", "100:0:0:1::1",
    "2001::1", "2001:1::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:808:808::1", "3ffe::1",
    "3fff::1", "3fff:fff:ffff::1", "4000::1", "5f00::1", "fc00::1", "fd00::1", "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip
NEVER = [
    "169.254.169.254", "169.254.0.1", "169.254.170.2", "fe80::1", "febf::1", "fd00:ec2::254", "fd20:ce::254",
    "100.100.100.200", "192.0.0.192", "168.63.129.16", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
    "::ffff:0:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::169.254.169.254", "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:a9:fe:a9fe::", "64:ff9b:1:0:a9:fea9:fe00:0",
    "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1", "2001:0:808:808:0:0:5601:5601", "fe80::1%eth0", "::1%lo",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0",
    "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255",
    "2001:200::1", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1", "2003::1", "2606:4700::1111", "3ffd::1",
    "2a00:1450::1",
]  # fmt: skip
EVERYTHING = "0.0.0.0/0, ::/0"


def called(address, *, name="crm.example.com", consent="", listed=()):
    """Whether a tenant's request may go to a name that leads there, and why not."""
    try:
        permitted(name, 443, [name, *listed], PrivateHosts.parse(consent), resolving(address))
    except Failure as failure:
        return failure.error_code
    return "called"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called_without_anybodys_consent(address):
    assert called(address) == "called"


@pytest.mark.parametrize("address", SPECIAL)
def test_others_are_called_where_the_operator_consents_and_the_tenant_means_it(address):
    listed = [f"[{address}]" if ":" in address else address]

    assert called(address, listed=listed) == "ADDRESS_NOT_ALLOWED"
    assert called(address, consent=EVERYTHING, listed=listed) == "called"
    assert called(address, consent="crm.example.com:443") == "called"
    assert called(address, consent="crm.example.com:80, other.example.com", listed=listed) == "ADDRESS_NOT_ALLOWED"


@pytest.mark.parametrize("address", [address for address in SPECIAL if not address.startswith("64:ff9b::8")])
def test_the_operator_s_consent_to_an_address_moves_no_name_there_that_the_tenant_did_not_mean(address):
    assert called(address, consent=EVERYTHING) == "ADDRESS_NOT_ALLOWED"


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("consent", ["", EVERYTHING, "crm.example.com", "*.example.com"])
def test_where_clouds_hand_out_credentials_is_never_called(address, consent):
    assert called(address, consent=consent, listed=[address]) == "ADDRESS_NOT_ALLOWED"


@pytest.mark.parametrize("address", [address for address in SPECIAL + NEVER if "%" not in address])
def test_an_address_that_a_tenant_lists_itself_is_held_to_the_same(address):
    host = f"[{address}]" if ":" in address else address
    code = invoke(connecting({}, ""), tool(f"http://{host}"), allowed=[host]).error_code

    assert code == "ADDRESS_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("host", "consent"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3:443"),
        ("crm.internal", "*.internal"),
        ("crm.internal", "CRM.internal.:443"),
        ("fd00::5", "[fd00::/64]:443, 10.0.0.0/8"),
        ("localhost", "localhost"),
    ],
)
def test_consent_is_for_a_name_an_address_or_a_network_at_one_port_or_at_any(host, consent):
    assert permitted(host, 443, [host], PrivateHosts.parse(consent), resolving("10.0.0.5"))


@pytest.mark.parametrize(
    ("host", "consent"),
    [
        ("10.1.2.3", "10.1.2.3:80"),
        ("fd00::5", "[fd00::/64]:80"),
        ("crm.internal", "internal"),
        ("internal", "*.internal"),
        ("192.168.0.1", "10.0.0.0/8"),
        ("127.0.0.1", "localhost"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
    ],
)
def test_consent_to_something_else_is_none(host, consent):
    with pytest.raises(Failure, match="not a public address"):
        permitted(host, 443, [host], PrivateHosts.parse(consent), resolving("10.0.0.5"))


def test_a_translator_opens_the_internet_and_nothing_private_behind_it():
    assert called("64:ff9b::8.8.8.8", consent="64:ff9b::/96") == "called"
    for inside in ("10.0.0.1", "127.0.0.1", "169.254.169.254"):
        address = f"64:ff9b::{inside}"
        assert called(address, consent="64:ff9b::/96", listed=[address]) == "ADDRESS_NOT_ALLOWED"
    literal = "64:ff9b::a00:1"
    with pytest.raises(Failure, match="not a public address"):
        permitted(literal, 443, [literal], PrivateHosts.parse("64:ff9b::/96"), resolving())


def test_the_operator_s_consent_lists_nothing_for_a_tenant():
    with pytest.raises(Failure) as refused:
        permitted("127.0.0.1", 80, [], PrivateHosts.parse("127.0.0.1"), resolving())

    assert refused.value.error_code == "HOST_NOT_ALLOWED"


def test_nothing_is_public_that_some_python_calls_special():
    """Ours are the same on every Python: stricter than each, and never laxer."""
    odd = random.Random(1)
    v4 = [ipaddress.IPv4Address(odd.getrandbits(32)) for _ in range(20_000)]
    v6 = [ipaddress.IPv6Address(odd.getrandbits(128)) for _ in range(20_000)]
    near = [ipaddress.ip_network(text) for text in (*ranges.SPECIAL_V4, *ranges.SPECIAL_V6, *ranges.NEVER)]
    edges = [edge for network in near for edge in (network[0], network[-1])]

    for address in itertools.chain(v4, v6, edges):
        assert not ranges.is_public(address) or (address.is_global and not address.is_multicast), address
    for edge in edges:
        assert not ranges.is_public(edge)


@pytest.mark.parametrize(
    "form",
    ["2130706433", "127.1", "127.0.1", "0x7f000001", "0x7f.0.0.1", "0x7F.1", "0177.0.0.1", "017700000001",
     "0x7f.0x0.0x0.0x1",
     "127.0.0.01", "127.0.0.0x1", "00000177.1", "2130706433.", "127.0.0.1.1", "256.256.256.256", "4294967297", "0",
     "0x",
     "1.0x", "10.1", "8.8", "134744072"],
)  # fmt: skip
def test_a_number_in_another_spelling_is_no_host(form):
    with pytest.raises(Failure) as refused:
        permitted(form, 80, [form, "127.0.0.1"], PrivateHosts.parse(EVERYTHING), resolving("127.0.0.1"))

    assert refused.value.error_code == "HOST_NOT_ALLOWED"
    assert HostPattern.parse(form) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1.", "127。0。0。1", "127。0.0．1"])
def test_what_is_read_as_an_address_is_checked_as_one(host):
    result = invoke(connecting({}, ""), tool(f"http://{host}"), allowed=["127.0.0.1", "*.0.0.1"])

    assert (result.acted, result.error_code) in [("no", "ADDRESS_NOT_ALLOWED"), ("no", "URL_NOT_ALLOWED")]


@pytest.mark.parametrize(
    "url",
    ["http://user@127.0.0.1/", "http://crm.example.com@127.0.0.1/", "http://user:pw@crm.example.com/",
     "http://127%2e0.0.1/",
     "http://127.0.0.1%00.crm.example.com/", "http://[::1%25lo]/", "http://[fe80::1%25eth0]/", "http://[::1",
     "http://::1/",
     "http://[v1.fe]/", "http://[127.0.0.1]/", "http://１２７.0.0.1/", "http://①②⑦.⓪.⓪.①/", "http://crm.example.com:0/",
     "http://crm.example.com:65536/", "http://crm.example.com:99999999999/", "http://crm.example.com:-1/",
     "http://a b/",
     "http://xn--a/", "http://xn--zzzzzzz99999/", "http://\ud800/", "http:///x", "http:x", "//crm.example.com/", "",
     "ftp://crm.example.com/", "file:///etc/passwd", "gopher://127.0.0.1/", "http://crm.example.com\\@127.0.0.1/",
     "http://" + "é" * 100 + "/", "http://" + "a" * 70_000, "http:////\\]."],
)  # fmt: skip
def test_what_is_no_plain_url_is_a_failure_and_nothing_else(url):
    base = parse_url("http://crm.example.com/")

    with pytest.raises(Failure) as refused:
        parse_url(url)
    try:
        parse_url(url, base)
    except Failure as failure:
        assert failure.acted == "no"

    assert (refused.value.error_code, refused.value.acted) == ("URL_NOT_ALLOWED", "no")


@pytest.mark.parametrize(
    ("url", "listed"),
    [("http://CRM.Example.COM/", "crm.example.com"), ("http://crm.example.com./", "crm.example.com"),
     ("http://bücher.example/", "xn--bcher-kva.example"), ("http://BÜCHER.example/", "XN--BCHER-KVA.example"),
     ("http://[2606:4700:0:0::1111]/", "[2606:4700::1111]"), ("http://8.8.8.8./", "8.8.8.8")],
)  # fmt: skip
def test_one_host_in_several_spellings_is_one_host(url, listed):
    target = parse_url(url)

    found = permitted(target.raw_host.decode(), 443, [listed], PrivateHosts(), resolving("8.8.8.8"))

    assert len(found) == 1


@pytest.mark.parametrize(
    "host", ["crm.example.com.evil.org", "evilcrm.example.com", "example.com", "crm.example.com.."]
)
def test_a_host_that_only_looks_like_a_listed_one_is_another(host):
    with pytest.raises(Failure) as refused:
        permitted(host, 443, ["crm.example.com", "*.crm.example.com"], PrivateHosts(), resolving("8.8.8.8"))

    assert refused.value.error_code == "HOST_NOT_ALLOWED"


def test_nothing_that_is_refused_here_leaves_anybody_in_doubt():
    result = invoke(connecting({}, ""), tool("http://127.0.0.1"), allowed=["127.0.0.1"])

    assert isinstance(result, CallResult)
    assert (result.acted, result.error_class) == ("no", "VALIDATION")
    assert "REMIT_PRIVATE_HOSTS" in result.error_message
