"""Records: how they are read."""

import subprocess
import sys

TWO_READERS = """
import threading
from remit.core.values import Record

looking, go_on = threading.Event(), threading.Event()


def slow_type():
    # Looked up when the first record is read.
    looking.set()
    go_on.wait(60)
    return int


class Inner(Record):
    number: "slow_type()"


class Outer(Record):
    inner: Inner


def read():
    assert Outer.from_json('{"inner": {"number": 2}}').inner.number == 2


readers = [threading.Thread(target=read) for _ in range(2)]
readers[0].start()
looking.wait(60)
readers[1].start()
# Without its being made to wait, the second one is through, or has brought the process down, by then.
readers[1].join(0.2)
go_on.set()
for reader in readers:
    reader.join()
"""


def test_two_threads_may_read_the_first_record_of_a_kind_at_once():
    done = subprocess.run([sys.executable, "-c", TWO_READERS], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
