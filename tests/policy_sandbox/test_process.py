"""The process in which policy text is tried out first: what ends it ends nothing else, and is named."""

import sys
import threading

import pytest

import remit.policy_sandbox as module
from remit.core.errors import InvalidInput, TryLater
from remit.core.gate.policy import PolicySource
from remit.policy_sandbox import ProcessSandbox
from tests.waiting import happened

RULE = "forbid (principal, action, resource) when {{ {} }};"
FINE = RULE.format("true")
ENDS_IT = RULE.format("(" * 5000 + "true" + ")" * 5000)
TAKES_LONG = RULE.format("context has a" + ".a" * 8000)


def sources(*texts):
    return [PolicySource.model_construct(name=f"p{number}.cedar", text=text) for number, text in enumerate(texts)]


@pytest.mark.parametrize("text", [FINE, "not Cedar", "permit (principal, action, resource);", ""])
def test_text_that_harms_nothing_passes_whatever_else_is_wrong_with_it(text):
    ProcessSandbox().try_out("acme", sources(text))


@pytest.mark.parametrize("text", [ENDS_IT, TAKES_LONG], ids=["ends it", "takes long"])
def test_the_file_that_ends_or_holds_up_the_parser_is_named(text):
    with pytest.raises(InvalidInput, match=r"p1\.cedar takes Cedar's parser too much time or memory, or ends it"):
        ProcessSandbox().try_out("acme", sources(FINE, text, FINE))


def test_text_that_was_tried_before_starts_no_process(monkeypatch):
    sandbox = ProcessSandbox()
    sandbox.try_out("acme", sources(FINE))
    monkeypatch.setattr(module, "_CHILD", module._CHILD.with_name("nowhere.py"))

    sandbox.try_out("globex", sources(FINE))
    with pytest.raises(TryLater):
        sandbox.try_out("globex", sources("// other\n" + FINE))


def test_a_tenant_has_one_process_at_a_time_and_others_have_theirs(monkeypatch):
    sandbox, entered, leave = ProcessSandbox(wait_s=0.01), threading.Event(), threading.Event()

    def held(_sources):
        entered.set()
        happened(leave, what="the first may end")

    monkeypatch.setattr(sandbox, "_try", held)
    first = threading.Thread(target=sandbox.try_out, args=("acme", sources(FINE)))
    first.start()
    happened(entered, what="the first has begun")

    with pytest.raises(TryLater):
        sandbox.try_out("acme", sources("// other"))
    leave.set()
    sandbox.try_out("globex", sources("// other"))
    first.join()


def test_the_process_is_given_no_secret(monkeypatch):
    monkeypatch.setenv("CRM_TOKEN", "secret")

    assert "secret" not in str(module._environment()) and all(
        path in module._environment()["PYTHONPATH"] for path in sys.path if path
    )
