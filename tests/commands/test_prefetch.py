"""Work ahead: everything comes, in order, and never more than was allowed is waiting."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.commands.prefetch import mapped_ahead, prefetch


@given(st.lists(st.integers()), st.integers(1, 5))
def test_all_items_come_in_order(items, ahead):
    assert list(prefetch(items, ahead)) == items
    assert list(mapped_ahead(lambda n: n + 1, items, ahead)) == [n + 1 for n in items]


def test_no_more_are_taken_than_may_wait():
    taken = []

    def source():
        for n in range(100):
            taken.append(n)
            yield n

    items = prefetch(source(), 3)
    assert next(items) == 0
    items.close()
    assert len(taken) <= 6, "one given, three waiting, one in hand, one that made room"
    pool = mapped_ahead(lambda n: n, source(), 2)
    taken.clear()
    assert next(pool) == 0 and len(taken) == 8
    pool.close()


def test_an_error_comes_after_what_came_before_it():
    def source():
        yield 1
        raise ValueError("of the source")

    items = prefetch(source(), 2)
    assert next(items) == 1
    with pytest.raises(ValueError, match="of the source"):
        next(items)


def test_a_thread_ends_when_nobody_asks_any_more():
    ended = threading.Event()

    def source():
        try:
            n = 0
            while True:
                yield n
                n += 1
        finally:
            ended.set()

    before = threading.active_count()
    items = prefetch(source(), 1)
    next(items)
    items.close()
    assert ended.is_set() and threading.active_count() == before
