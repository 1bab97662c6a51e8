"""The shelf keeps what is used, within bounds, and lets nobody make the same thing twice."""

from __future__ import annotations

import threading

import pytest

from pages.shared.shelf import Shelf


def test_a_value_is_made_once() -> None:
    shelf: Shelf[str] = Shelf(weigh=len, most=10)
    made: list[str] = []
    for _ in range(3):
        assert shelf.get("a", lambda: made.append("a") or "aaa") == "aaa"
    assert made == ["a"]


def test_the_least_recently_used_goes_first() -> None:
    shelf: Shelf[str] = Shelf(weigh=len, most=10)
    for key in ("a", "b", "a", "c"):
        shelf.get(key, lambda key=key: key * 4)
    made: list[str] = []
    for key in ("a", "c", "b"):
        shelf.get(key, lambda key=key: made.append(key) or key * 4)
    assert made == ["b"]
    assert len(shelf) == 2


def test_what_is_too_heavy_by_itself_is_kept_while_it_is_the_newest() -> None:
    shelf: Shelf[str] = Shelf(weigh=len, most=10)
    shelf.get("a", lambda: "a" * 50)
    assert shelf.get("a", lambda: "other") == "a" * 50
    shelf.get("b", lambda: "b")
    assert len(shelf) == 1
    assert shelf.get("a", lambda: "other") == "other"


def test_what_cannot_be_made_is_tried_again() -> None:
    shelf: Shelf[str] = Shelf(weigh=len, most=10)

    def fail() -> str:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            shelf.get("a", fail)
    assert shelf.get("a", lambda: "yes") == "yes"


def test_many_who_want_the_same_wait_for_one_and_others_do_not() -> None:
    shelf: Shelf[str] = Shelf(weigh=len, most=100)
    begun, go_on = threading.Event(), threading.Event()
    made: list[int] = []

    def slowly() -> str:
        made.append(1)
        begun.set()
        assert go_on.wait(10)
        return "slow"

    found: list[str] = []
    waiting = [threading.Thread(target=lambda: found.append(shelf.get("a", slowly))) for _ in range(5)]
    for thread in waiting:
        thread.start()
    assert begun.wait(10)
    assert shelf.get("b", lambda: "fast") == "fast"
    assert not found
    go_on.set()
    for thread in waiting:
        thread.join(10)
    assert found == ["slow"] * 5
    assert made == [1]
    assert not shelf._making
