"""Headers that nobody can read: a definite refusal stays one, and everything else stays as doubtful as it was."""

from __future__ import annotations

import pytest

from tests.far_side import connecting, invoke, says, talking, tool

DIGITS = "9" * 20


@pytest.mark.parametrize(
    ("said", "meant_s"),
    [(f"Mon, 01 Jan {DIGITS} 00:00:00 GMT", None), (f"Mon, 01 Jan 2026 {DIGITS}:00:00 GMT", None),
     (f"Mon, 01 Jan 2026 00:00:00 +{DIGITS}9999", None), (f"Mon, {DIGITS} Jan 2026 00:00:00 GMT", None),
     ("Mon, 01 Jan 2026 00:00:00 +9999", None), ("Mon, 01 Jan 10000 00:00:00 GMT", None),
     ("Mon, 01 Jan 0 00:00:00 GMT", None),
     ("Fri, 31 Dec 9999 23:59:59 -2359", 365 * 86400.0), ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
     ("Fri, 31 Dec 9999 23:59:59 GMT", 365 * 86400.0), ("Mon, 30 Feb 2026 00:00:00 GMT", None), (DIGITS, 365 * 86400.0),
     ("9" * 5000, 365 * 86400.0), ("-1", None), ("-99999999999999999999", None), ("nan", None), ("NaN", None),
     ("inf", None),
     ("1e9", None), ("1.5", None), ("+5", None), ("0x10", None), ("", None), ("soon", None), (",", None), ("(", None),
     ("Mon, 01 Jan", None), ("1 1 1 1 1", None), ("١٢", None), ("\x85", None), ("Mon, 01 Jan -1 00:00:00 GMT", None),
     ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0), ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
     ("Sun Nov  6 08:49:37 1994", 0.0)],
)  # fmt: skip
@pytest.mark.parametrize("status", [429, 503])
def test_whatever_a_far_side_says_of_when_to_come_back_it_did_not_act(status, said, meant_s):
    with talking(says(status, f"Retry-After: {said}")) as server:
        result = invoke(connecting(), tool(server.url), allowed=[server.host])

    assert (result.acted, result.error_code) == ("no", f"HTTP_{status}")
    if meant_s is not None:
        assert result.retry_after_s == meant_s
    else:
        assert result.retry_after_s in (None, 0.0)


BROKEN_HEADERS = [
    b"Content-Length: -1", b"Content-Length: 99999999999999999999999", b"Content-Length: NaN", b"Content-Length: 1, 2",
    b"Content-Length: 5\r\nContent-Length: 6", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
    b"Transfer-Encoding: nonsense", b"no colon here", b": no name", b"A b: space in a name", b"X: a\0b", b"X: \x7f\x01",
    b" folded: first", b"X:" + b"y" * 200_000, b"Content-Type: text/html; charset=\xff\xfe", b"Location: http://[::1",
    b"Retry-After: 1\r\nRetry-After: 2", b"Content-Encoding: br", b"Content-Length: 99999",
]  # fmt: skip


@pytest.mark.parametrize("header", BROKEN_HEADERS)
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"])
def test_a_refusal_whose_headers_cannot_be_read_is_a_refusal(header, before):
    said = before + b"HTTP/1.1 429 Too Many\r\n" + header + b"\r\n\r\nslow down"
    with talking(lambda connection, _: connection.sendall(said)) as server:
        result = invoke(connecting(), tool(server.url), allowed=[server.host])

    assert (result.acted, result.error_class, result.error_code) == ("no", "RATE_LIMIT", "HTTP_429")


@pytest.mark.parametrize("rest", [b"", b"X: ", b"X: 1\r\n", b"Content-Length: 5\r\n\r\nab"])
def test_a_refusal_whose_rest_is_lost_is_a_refusal(rest):
    with talking(lambda connection, _: connection.sendall(b"HTTP/1.1 422 No\r\n" + rest)) as server:
        result = invoke(connecting(), tool(server.url), allowed=[server.host])

    assert (result.acted, result.error_code) == ("no", "HTTP_422")


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK", b"HTTP/1.1 307 Elsewhere", b"HTTP/1.1 500 Oops", b"HTTP/1.1 408 Late"]
)
def test_what_may_have_acted_stays_in_doubt(start):
    said = start + b"\r\nContent-Length: -1\r\n\r\n"
    with talking(lambda connection, _: connection.sendall(said)) as server:
        result = invoke(connecting(), tool(server.url), allowed=[server.host])

    assert result.acted == "unknown"


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 42", b"HTTP/1.1 4290 x\r\n", b"HTTP/2 429\r\n\r\n", b"429 x\r\n\r\n", b"ICY 429 x\r\n"]
)
def test_half_a_status_is_none(said):
    with talking(lambda connection, _: connection.sendall(said)) as server:
        result = invoke(connecting(), tool(server.url), allowed=[server.host])

    assert result.acted == "unknown"


def test_many_answers_that_only_say_to_wait_end_in_time():
    said = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 5000 + b"HTTP/1.1 100 Continue\r\n: x\r\n\r\n"
    with talking(lambda connection, _: connection.sendall(said)) as server:
        result = invoke(connecting(), tool(server.url), allowed=[server.host])

    assert result.acted == "unknown"


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(
    "location",
    ["", "http://[::1", "http://xn--a/", "http://h:99999999999999999999/", "http://h:٣/", "//", "http://\xff/",
     "?" + "a" * 70_000,
     "http://a, http://b", "http://h:0/", "mailto:a@b", "\\\\h\\x", "http://127%2e0.0.1/"],
)  # fmt: skip
def test_a_redirect_that_cannot_be_followed_did_nothing(status, location):
    with talking(says(status, f"Location: {location}")) as server:
        result = invoke(connecting(), tool(server.url), allowed=[server.host])

    assert (result.acted, result.error_class) == ("no", "VALIDATION")
