"""Every student edition runs from top to bottom as a learner finds it: with its exercises unfilled.

The solved editions are run again by nbval, as `make test` calls it.
"""

from __future__ import annotations

import json

import pytest

from labkit.lesson import source
from labkit.runner import plan, scheduler
from labkit.session.events import Check, Claim, Finish, read


@pytest.mark.parametrize("number", [lesson.number for lesson in source.lessons()])
def test_a_student_edition_runs_with_its_exercises_unfilled(number, tmp_path):
    jobs, _ = plan.plan([number], profile="fast", edition="student")
    result = scheduler.execute(jobs, tmp_path)
    assert result.exit_code == 0, result.outcomes
    page = next(tmp_path.rglob(f"{number}_*.ipynb"))
    events, problems = read(json.loads(page.read_text(encoding="utf-8")))
    assert not problems
    checks = [event for event in events if isinstance(event, Check)]
    assert any(not check.attempted for check in checks)
    assert not [check for check in checks if check.attempted and not check.passed]
    assert isinstance(events[-1], Finish)
    claims = [event for event in events if isinstance(event, Claim)]
    assert claims and not [claim for claim in claims if claim.status == "failed"]
    assert len({claim.id for claim in claims}) == len(claims)
