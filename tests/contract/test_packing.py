"""Packing: what was ever packed is read for good, and SQLite packs what every intent has of its own."""

import hashlib
import sqlite3
from base64 import b64encode
from importlib import resources

import pytest

from remit.core.errors import RemitError
from remit.core.records import case_key
from remit.ports import UnitOfWork, Writes
from remit.stores.packing import LINES, LINES_BEFORE, PLAIN, RECORDS, RESULTS, packed, packed_result, unpacked
from remit.stores.units import parse_record
from remit.testing.samples import TENANT, make_case

PLAIN_TEXT = b'{"tenant_id":"acme","action_intent_id":"i-1"}'
SHIPPED = {
    LINES_BEFORE: "bc10bf17de6eaf5d4e1b3428ecc8ab34a2f5965fd4f140524ec2d283f4fc2f76",
    LINES: "f9e2982df63db2ff1238b8b1f5a2eb1e359802bb930a13c55e187cc3aa535e9b",
    RECORDS: "10244dccb55055423d9b4a74f7dcb31139b6e082fd7c7c5cd8e1a2f857fd962d",
}


@pytest.mark.parametrize(("number", "known"), SHIPPED.items())
def test_a_dictionary_that_was_shipped_never_changes(number, known):
    file = resources.files("remit.stores") / "dictionaries" / f"{number}.zdict"

    assert hashlib.sha256(file.read_bytes()).hexdigest() == known


@pytest.mark.parametrize("number", SHIPPED)
def test_what_was_packed_by_any_of_them_is_read(number):
    assert unpacked(packed(PLAIN_TEXT, number)) == PLAIN_TEXT


def test_what_was_never_packed_is_read_too():
    assert unpacked(bytes([PLAIN]) + PLAIN_TEXT) == PLAIN_TEXT


WORDS = b64encode(b'{"said":"\n"}')


@pytest.mark.parametrize(
    ("content", "way"),
    [
        (WORDS, RESULTS),
        (b64encode(bytes(range(256))), RESULTS),
        (b64encode(b'","content":"x\n'), RESULTS),
        (b"", RECORDS),
        (b"eyJ", RECORDS),
        (b"e\\u0079J9", RECORDS),
        (WORDS.rstrip(b"=") + b"==", RECORDS),
        (WORDS + b'","unknown":{"content":"' + WORDS, RECORDS),
    ],
)
def test_the_content_of_a_result_is_packed_as_it_is_and_read_as_it_was_written(content, way):
    record = b'{"account_id":"a","content":"%b","of":"content"}' % content

    packed_ = packed_result(record)

    assert packed_[0] == way and unpacked(packed_) == record


def test_the_content_of_a_result_is_packed_in_less_than_its_base64():
    content = hashlib.sha256(b"an id").hexdigest().encode()
    record = b'{"account_id":"a","content":"%b"}' % b64encode(content)

    assert len(packed_result(record)) < len(packed(record, RECORDS))


@pytest.mark.parametrize(("bytes_", "said"), [(b"\x09..", "way 9"), (b"", "way None"), (b"\x02not zstd", "damaged")])
def test_what_cannot_be_unpacked_says_so(bytes_, said):
    with pytest.raises(RemitError, match=said):
        unpacked(bytes_)


@pytest.mark.parametrize("as_stored", [str.encode, str, lambda body: packed(body.encode(), RECORDS)])
def test_a_record_is_read_packed_and_as_it_is(as_stored):
    case = make_case(reason="Grüße")

    assert parse_record("cases", as_stored(case.to_json())) == case


def test_sqlite_holds_cases_packed_and_reads_those_of_before(open_store, sqlite_url):
    store, case = open_store("sqlite"), make_case()
    key = case_key(TENANT, "i-1")
    put = [UnitOfWork([key], lambda _: Writes(answer=None, puts=[(key, case)]))]
    store.transact(put)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as other:
        (body,) = other.execute("SELECT body FROM cases").fetchone()
        other.execute("UPDATE cases SET body = ?", [case.to_json()])

    assert isinstance(body, bytes) and len(body) < len(case.to_json()) / 2
    assert store.read([key]).get(key) == case
    assert store.transact(put) == [None]
