"""Where the HTTP connector may go: listed hosts, public or listed addresses, and no redirect around them."""

import socket
import ssl

import pytest

from remit.demo.crm import Crm
from remit.egress.addresses import permitted
from remit.egress.hosts import PrivateHosts
from tests.far_side import CERTIFICATE, PRIVATE_KEY, SECRET, connecting, invoke, resolving, says, talking, tool


@pytest.fixture
def crm():
    with Crm.start() as running:
        yield running


@pytest.fixture
def connector():
    return connecting({"CRM_TOKEN": SECRET})


# --- where it may go --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [[], ["crm.example.com"], ["127.0.0.2"], ["127.0.0.1:1"], ["*"], ["*.0.0.1"]])
def test_a_host_that_is_not_listed_is_not_called(crm, connector, allowed):
    result = invoke(connector, tool(crm.url), allowed=allowed)

    assert (result.acted, result.error_class, result.error_code) == ("no", "VALIDATION", "HOST_NOT_ALLOWED")
    assert crm.requests == []


def test_a_host_that_the_environment_names_must_be_listed_too(crm):
    result = invoke(connecting({"CRM_URL": crm.url}), tool("${CRM_URL}"), allowed=["crm.example.com"])

    assert result.error_code == "HOST_NOT_ALLOWED"
    assert crm.requests == []


@pytest.mark.parametrize("host", ["crm.example.com", "CRM.example.com.", "*.example.com"])
@pytest.mark.parametrize("with_port", [True, False])
def test_a_listed_host_is_called_at_the_address_that_was_checked(crm, host, with_port):
    port = crm.host.partition(":")[2]
    resolve = resolving("127.0.0.1")
    connector = connecting({}, resolve=resolve)
    allowed = [host + (f":{port}" if with_port else ""), "127.0.0.1"]

    result = invoke(connector, tool(f"http://crm.example.com:{port}"), allowed=allowed)

    assert result.acted == "yes"
    assert crm.requests[0].headers["host"] == f"crm.example.com:{port}"
    # The name is nothing to the system's resolver: the connection can only have gone to what was checked.
    assert resolve.asked == ["crm.example.com"]


@pytest.mark.parametrize("host", ["example.com", "evilexample.com", "example.com.evil.org"])
def test_a_domain_stands_for_the_names_under_it_only(host):
    connector = connecting({}, resolve=resolving("93.184.216.34"))

    result = invoke(connector, tool(f"http://{host}"), allowed=["*.example.com"])

    assert result.error_code == "HOST_NOT_ALLOWED"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.5",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
@pytest.mark.parametrize("beside", [[], ["93.184.216.34"]])
def test_a_listed_name_that_leads_to_a_private_or_special_address_is_not_called(address, beside):
    connector = connecting({}, "", resolve=resolving(*beside, address))

    result = invoke(connector, tool(), allowed=["crm.example.com", "localhost"])

    assert (result.acted, result.error_class, result.error_code) == ("no", "VALIDATION", "ADDRESS_NOT_ALLOWED")


@pytest.mark.parametrize("form", ["2130706433", "127.1", "0x7f000001", "0177.0.0.1"])
def test_another_spelling_of_a_loopback_address_is_no_way_in(crm, connector, form):
    port = crm.host.partition(":")[2]

    result = invoke(connector, tool(f"http://{form}:{port}"), allowed=[form])

    assert result.acted == "no"
    assert crm.requests == []


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_a_public_address_may_be_called(address):
    allowed = permitted("crm.example.com", 443, ["crm.example.com"], PrivateHosts(), resolving(address))

    assert allowed == [address]


@pytest.mark.parametrize("entry", ["::1", "[::1]", "[::1]:8443"])
def test_an_ipv6_address_is_listed_as_it_is_written(entry):
    assert permitted("::1", 8443, [entry], PrivateHosts.parse("::1"), resolving()) == ["::1"]


def test_localhost_is_called_if_it_is_listed(crm, connector):
    port = crm.host.partition(":")[2]

    listed = invoke(connector, tool(f"http://localhost:{port}"), allowed=[f"localhost:{port}"])
    unlisted = invoke(connector, tool(f"http://localhost:{port}"), allowed=["127.0.0.1"])

    assert listed.acted == "yes"
    assert unlisted.error_code == "HOST_NOT_ALLOWED"


def test_a_second_address_is_tried_if_the_first_takes_no_connection(crm):
    connector = connecting({}, resolve=resolving("127.0.0.9", "127.0.0.1"))
    port = crm.host.partition(":")[2]

    result = invoke(connector, tool(f"http://localhost:{port}"), allowed=["localhost"])

    assert result.acted == "yes"


def test_a_name_without_an_address_is_a_failure_of_the_far_side():
    def resolve(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    result = invoke(connecting({}, resolve=resolve), tool(), allowed=["crm.example.com"])

    assert (result.acted, result.error_class, result.error_code) == ("no", "DOWNSTREAM", "NAME_NOT_RESOLVED")


# --- redirects --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_to_a_listed_host_is_followed_without_its_secrets(crm, connector, status):
    described = tool(
        "",
        "",
        bearer_token="${CRM_TOKEN}",
        signing_secret="${CRM_TOKEN}",
        headers={"X-Api-Key": "${CRM_TOKEN}", "X-A": "a"},
    )

    with talking(says(status, f"Location: {crm.url}/contacts/c-1")) as server:
        result = invoke(connector, {**described, "url": server.url + "/old"}, allowed=[server.host, crm.host])

        assert SECRET in server.heard[0]
    (asked,) = crm.requests
    assert result.acted == "yes"
    assert (asked.body, asked.headers["idempotency-key"], asked.headers["x-a"]) == ({"city": "Bern"}, "k-1", "a")
    assert asked.headers["host"] == crm.host
    assert SECRET not in str(asked.headers)
    assert not {"authorization", "x-api-key", "x-remit-signature"} & set(asked.headers)


def test_a_redirect_within_the_host_keeps_the_secrets(connector):
    def script(connection, request):
        moved = says(307, "Location: /new") if " /old " in request else says(200)
        moved(connection, request)

    with talking(script) as server:
        described = tool(server.url, "/old", bearer_token="${CRM_TOKEN}")
        result = invoke(connector, described, allowed=[server.host])

        assert result.acted == "yes"
        assert SECRET in server.heard[1]


@pytest.mark.parametrize("method", ["PATCH", "GET"])
def test_a_redirect_out_of_the_list_is_not_followed(crm, connector, method):
    described = tool("", "", method=method, body="{parameters}" if method == "PATCH" else None)

    with talking(says(307, f"Location: {crm.url}/contacts/c-1")) as server:
        result = invoke(connector, {**described, "url": server.url}, allowed=[server.host])

    assert (result.acted, result.error_class, result.error_code) == ("no", "VALIDATION", "HOST_NOT_ALLOWED")
    assert crm.requests == []


@pytest.mark.parametrize("location", ["http://user:pass@{host}/", "ftp://{host}/", "file:///etc/passwd", "http://[::1"])
def test_a_redirect_to_what_is_no_plain_url_is_not_followed(crm, connector, location):
    with talking(says(307, f"Location: {location.format(host=crm.host)}")) as server:
        result = invoke(connector, tool(server.url), allowed=[server.host, crm.host])

    assert (result.acted, result.error_class, result.error_code) == ("no", "VALIDATION", "URL_NOT_ALLOWED")
    assert crm.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 300, 304])
def test_a_redirect_that_may_mean_done_is_not_followed_and_not_taken_for_a_no(crm, connector, status):
    with talking(says(status, f"Location: {crm.url}/contacts/c-1")) as server:
        result = invoke(connector, tool(server.url), allowed=[server.host, crm.host])

    assert (result.acted, result.error_class, result.error_code) == ("unknown", "VALIDATION", f"HTTP_{status}")
    assert crm.requests == []


def test_a_get_is_redirected_three_times_and_no_more(connector):
    def script(connection, request):
        step = int(request.split(" ")[1][1:])
        (says(302, f"Location: /{step - 1}") if step else says(200, body='{"id": 7}'))(connection, request)

    with talking(script) as server:
        three = invoke(connector, tool(server.url, "/3", method="GET", body=None), allowed=[server.host])
        four = invoke(connector, tool(server.url, "/4", method="GET", body=None), allowed=[server.host])

    assert three.acted == "yes"
    assert (four.acted, four.error_class, four.error_code) == ("no", "VALIDATION", "TOO_MANY_REDIRECTS")


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls_server(tmp_path):
    (tmp_path / "both.pem").write_text(CERTIFICATE + PRIVATE_KEY)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "both.pem")
    asked_for = []
    context.sni_callback = lambda _, name, __: asked_for.append(name)
    with talking(says(200, body='{"id": 1}'), wrap=lambda c: context.wrap_socket(c, server_side=True)) as server:
        server.asked_for = asked_for
        yield server


def test_a_certificate_is_checked_against_the_host_and_not_the_address(tls_server):
    trusting = ssl.create_default_context(cadata=CERTIFICATE)
    connector = connecting({}, resolve=resolving("127.0.0.1"), tls=trusting)
    allowed = ["*.example.com", "127.0.0.1"]

    right = invoke(connector, tool(f"https://crm.example.com:{tls_server.port}"), allowed=allowed)
    wrong = invoke(connector, tool(f"https://other.example.com:{tls_server.port}"), allowed=allowed)

    assert right.acted == "yes"
    assert tls_server.asked_for == ["crm.example.com", "other.example.com"]
    assert (wrong.acted, wrong.error_class, wrong.error_code) == ("no", "DOWNSTREAM", "TLS_FAILED")
    assert len(tls_server.heard) == 1


def test_a_certificate_of_nobody_known_is_refused(tls_server):
    connector = connecting({}, resolve=resolving("127.0.0.1"))

    result = invoke(
        connector, tool(f"https://crm.example.com:{tls_server.port}"), allowed=["crm.example.com", "127.0.0.1"]
    )

    assert (result.acted, result.error_class, result.error_code) == ("no", "DOWNSTREAM", "TLS_FAILED")


def test_a_redirect_from_https_to_http_is_not_followed(crm, tls_server):
    tls_server.script = says(307, f"Location: {crm.url}/contacts/c-1")
    connector = connecting({}, resolve=resolving("127.0.0.1"), tls=ssl.create_default_context(cadata=CERTIFICATE))

    result = invoke(
        connector,
        tool(f"https://crm.example.com:{tls_server.port}"),
        allowed=["crm.example.com", "127.0.0.1"],
    )

    assert (result.acted, result.error_code) == ("no", "URL_NOT_ALLOWED")
    assert crm.requests == []
