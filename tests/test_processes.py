from __future__ import annotations

import os
import time

import numpy as np
import pytest
import torch
import torch.distributed as dist
from mmengine.dist import get_dist_info

from .processes import run_ranks


def test_ranks_talk_to_each_other_and_answer_in_their_order():
    offset = 10  # a closure: nothing is pickled on the way in

    def add_up(factor):
        value = torch.tensor([dist.get_rank() * factor + offset])
        dist.all_reduce(value)
        return get_dist_info(), value.numpy(), torch.get_num_threads()

    for rank, (info, value, threads) in enumerate(run_ranks(add_up, 3, 2)):
        assert info == (rank, 3)
        np.testing.assert_array_equal(value, [36])
        assert threads == 1
    assert not dist.is_initialized()


def test_more_than_a_pipe_holds_comes_back():
    (answer,) = run_ranks(lambda: np.arange(1_000_000), 1)
    assert len(answer) == 1_000_000


def test_an_exception_keeps_its_class_and_shows_where_it_was_raised():
    def fail():
        if dist.get_rank() == 1:
            raise KeyError('broken')
        dist.barrier()

    with pytest.raises(KeyError, match='broken') as caught:
        run_ranks(fail, 2)
    assert 'in rank 1:' in str(caught.value.__cause__)
    assert "raise KeyError('broken')" in str(caught.value.__cause__)


def test_an_exception_that_cannot_be_pickled_is_described():
    class LocalError(Exception):
        pass

    def fail():
        raise LocalError('here')

    with pytest.raises(RuntimeError, match=r"LocalError\('here'\)"):
        run_ranks(fail, 1)


def test_a_process_that_hangs_is_killed():
    def hang():
        if dist.get_rank() == 1:
            time.sleep(100)

    start = time.monotonic()
    with pytest.raises(AssertionError, match=r'ranks \[1\] did not end') as caught:
        run_ranks(hang, 2, timeout=3)
    assert time.monotonic() - start < 30
    assert ' in hang' in str(caught.value)


def test_a_process_that_dies_is_reported():
    def die():
        os._exit(7)

    with pytest.raises(AssertionError, match=r'rank 0 .* exit code 7'):
        run_ranks(die, 1)
