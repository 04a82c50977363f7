"""A run that is killed at any moment and resumed gives the weights of one that was not.

``MSVITREID_KILLS=3`` kills every phase three times; ``python -m tests.engine.kills`` prints them.
"""

import os
from collections import Counter

import pytest

from tests.engine.kills import PHASES, kill_and_resume

TIMES = int(os.environ.get('MSVITREID_KILLS', 1))


@pytest.mark.slow
def test_kills_change_nothing(tmp_path):
    kills = kill_and_resume(tmp_path, moments=TIMES * len(PHASES))
    assert Counter(kill.phase for kill in kills) == dict.fromkeys(PHASES, TIMES)
    assert {kill.workers for kill in kills} == {0, 1}
    # Some were really killed in the middle of a write.
    assert any(name.endswith('.tmp') for kill in kills for name in kill.left)
    assert [kill for kill in kills if not kill.equal] == []
