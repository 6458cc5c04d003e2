"""The local cloud as people start it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from infra import smoke
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]


def test_the_demo_s_story_plays_through_the_state_machine_and_its_proof_holds():
    played = subprocess.run(
        [sys.executable, "-m", "infra.local.play"], capture_output=True, text=True, cwd=ROOT, timeout=300, check=False
    )

    assert played.returncode == 0, played.stdout + played.stderr
    said = played.stdout
    assert "Execute → Done" in said
    # One write failed and one answer was lost where the far side honours the key.
    assert "Execute → Pause → Execute → Done" in said
    assert "the live store: every invariant holds" in said
    assert "its export alone: every invariant holds" in said
    assert "9 writes, 9 of them different" in said


def test_the_smoke_test_follows_an_intent_to_its_outcome(deployment, capsys):
    deployment.remit.apply(smoke.BOUNDS, by="smoke")
    events = []

    def propose(proposal):
        events.append(proposal)
        return deployment.call("propose", proposal=proposal)

    code = smoke.follow(deployment.remit, propose, within_s=PATIENCE_S, look_every_s=0.1)

    said = capsys.readouterr().out
    assert code == 0
    assert f"{events[0]['action_intent_id']}: SUCCEEDED, by POLICY, auto_executed True" in said


def test_the_smoke_test_fails_where_nothing_is_carried_out(deployment, capsys):
    code = smoke.follow(
        deployment.remit, lambda proposal: deployment.call("propose", proposal=proposal), within_s=1, look_every_s=0.1
    )

    assert code == 1
    assert "no outcome" in capsys.readouterr().out
