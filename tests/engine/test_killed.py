from collections import Counter

import pytest

from tests.engine.kills import PHASES, kill_and_resume


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path):
    kills = kill_and_resume(tmp_path, moments=20)
    hits = Counter(kill.phase for kill in kills)
    assert set(hits) == set(PHASES)
    assert min(hits.values()) >= 2
    # Some were really killed in the middle of a write.
    assert any(name.endswith('.tmp') for kill in kills for name in kill.left)
    assert [kill for kill in kills if not kill.equal] == []
