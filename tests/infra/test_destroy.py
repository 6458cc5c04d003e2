"""`./dev destroy` of a stack that is protected."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from infra import destroy


class CloudFormation:
    """One stack that is protected; of the client only what is asked, for no emulator knows protection."""

    exceptions = SimpleNamespace(ClientError=ClientError)

    def __init__(self):
        self.protected = {"remit-eu": True}

    def describe_stacks(self, StackName):
        if StackName not in self.protected:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")
        return {"Stacks": [{"StackName": StackName, "EnableTerminationProtection": self.protected[StackName]}]}

    def update_termination_protection(self, StackName, EnableTerminationProtection):
        self.protected[StackName] = EnableTerminationProtection


@pytest.fixture
def stacks(monkeypatch):
    client = CloudFormation()
    monkeypatch.setattr("boto3.client", lambda service: client)
    return client


def protected(client):
    return client.protected["remit-eu"]


@pytest.mark.parametrize(("answer", "code", "stays"), [("remit-eu", 0, False), ("remit", 1, True), ("", 1, True)])
def test_the_protection_is_taken_off_after_its_name_was_typed(stacks, answer, code, stays):
    assert destroy.main(["-c", "name=remit-eu"], ask=lambda _: answer) == code

    assert protected(stacks) is stays


def test_a_script_may_say_it_beforehand(stacks):
    assert destroy.main(["--force", "-c", "name=remit-eu"], ask=pytest.fail) == 0

    assert protected(stacks) is False


def test_a_stack_that_is_not_protected_or_not_there_is_the_cdk_s_to_delete(stacks):
    stacks.update_termination_protection(StackName="remit-eu", EnableTerminationProtection=False)

    assert destroy.main(["-c", "name=remit-eu"], ask=pytest.fail) == 0
    assert destroy.main([], ask=pytest.fail) == 0
