"""A shelf for what is large and takes long: each thing is made once, for everyone, and the whole stays within bounds.

``st.cache_resource`` counts entries, not bytes, and lets nothing be drawn while a value is made, such as how far it is.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class _Queue:
    """Those who want one thing that is not there yet."""

    def __init__(self) -> None:
        self.turn, self.length = threading.Lock(), 0


class Shelf(Generic[T]):
    """Values by key; the least recently used go once all together weigh more than ``most``, whatever the unit."""

    def __init__(self, *, weigh: Callable[[T], int], most: int) -> None:
        self._weigh, self._most = weigh, most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._making: dict[Hashable, _Queue] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of this key, made if it is not there; whoever asks for it meanwhile waits for it.

        What ``make`` raises, it raises, and nothing is kept.
        """
        found = self._found(key)
        if found is not None:
            return found
        with self._turn(key):
            found = self._found(key)
            if found is None:
                found = make()
                self._keep(key, found)
            return found

    def __len__(self) -> int:
        return len(self._kept)

    def _found(self, key: Hashable) -> T | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: Hashable, value: T) -> None:
        with self._lock:
            self._kept[key] = value
            total = sum(map(self._weigh, self._kept.values()))
            # the newest stays, however heavy: someone is about to look at it
            while total > self._most and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                total -= self._weigh(gone)

    @contextmanager
    def _turn(self, key: Hashable) -> Iterator[None]:
        """One maker a key at a time."""
        with self._lock:
            queue = self._making.setdefault(key, _Queue())
            queue.length += 1
        try:
            with queue.turn:
                yield
        finally:
            with self._lock:
                queue.length -= 1
                if not queue.length:
                    del self._making[key]
