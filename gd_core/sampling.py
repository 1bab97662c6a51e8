"""Which rows an update reads: all of them, one, or a batch.

A sampling knows its batch size, how many updates make an epoch, and the stream of row orders, one epoch at a time.
Two samplings with the same seed and the same ``shuffle`` and ``replacement`` see the same order of rows, whatever their
batch size: the fair comparison rests on that.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from itertools import islice, repeat

import numpy as np
import numpy.typing as npt

from gd_core.checks import check_settings, require, setting

Order = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the rows of an update are chosen."""

    full = False

    def __post_init__(self) -> None:
        check_settings(self)

    def rows_per_update(self, n_samples: int) -> int:
        """How many rows one update reads (the last one of an epoch may read fewer)."""
        raise NotImplementedError

    def updates_per_epoch(self, n_samples: int) -> int:
        """How many updates one pass over the rows makes."""
        return -(-n_samples // self.rows_per_update(n_samples))

    def examples_per_epoch(self, n_samples: int) -> int:
        """How many rows one epoch reads."""
        return n_samples

    def examples_at(self, updates: npt.ArrayLike, n_samples: int) -> npt.NDArray[np.int64]:
        """How many rows were read by the time of each update count, shape (k,)."""
        epochs, within = np.divmod(np.asarray(updates, dtype=np.int64), self.updates_per_epoch(n_samples))
        return epochs * self.examples_per_epoch(n_samples) + within * self.rows_per_update(n_samples)

    def orders(self, n_samples: int, seed: int) -> Iterator[Order]:
        """The row order of the first epoch, the second, and so on without end."""
        raise NotImplementedError

    def rows_of(self, update: int, n_samples: int, seed: int) -> Order:
        """The rows that update number ``update`` (counted from 1) reads, shape (batch_size,)."""
        require(update >= 1, "update must be at least 1, got {!r}", update)
        epoch, within = divmod(update - 1, self.updates_per_epoch(n_samples))
        start = within * self.rows_per_update(n_samples)
        stop = min(start + self.rows_per_update(n_samples), self.examples_per_epoch(n_samples))
        return next(islice(self.orders(n_samples, seed), epoch, None))[start:stop]

    @property
    def title(self) -> str:
        """What the pages call it."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Batch(Sampling):
    """Every update reads all rows: the gradient is exact."""

    full = True

    def rows_per_update(self, n_samples: int) -> int:
        return n_samples

    def orders(self, n_samples: int, seed: int) -> Iterator[Order]:
        return repeat(_read_only(np.arange(n_samples)))

    @property
    def title(self) -> str:
        return "batch"


@dataclass(frozen=True, kw_only=True)
class _Drawn(Sampling):
    shuffle: bool = True
    replacement: bool = False

    def orders(self, n_samples: int, seed: int) -> Iterator[Order]:
        """From ``default_rng(seed)``, an epoch at a time: ``permutation(n)`` or ``integers(n, size=n)``."""
        if self.shuffle or self.replacement:
            return iter(_random_orders(n_samples, seed, self.replacement))
        return repeat(_read_only(np.arange(n_samples)))


class _RandomOrders:
    """The row orders of one seed, an epoch at a time.

    The first ones are kept: all variants of a comparison read the same orders, and so does the next run when a setting
    has changed. Drawing an order takes about as long as the updates that read it.
    """

    def __init__(self, n_samples: int, seed: int, replacement: bool) -> None:
        self._n_samples, self._replacement = n_samples, replacement
        self._generator = np.random.default_rng(seed)
        self._kept: list[Order] = []
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Order]:
        for epoch in range(KEPT_ROWS // self._n_samples):
            with self._lock:
                if epoch == len(self._kept):
                    self._kept.append(self._draw(self._generator))
            yield self._kept[epoch]
        # the shared generator rests where the kept orders end, and everyone goes on from there alone
        generator = copy.deepcopy(self._generator)
        while True:
            yield self._draw(generator)

    def _draw(self, generator: np.random.Generator) -> Order:
        n = self._n_samples
        return _read_only(generator.integers(n, size=n) if self._replacement else generator.permutation(n))


# 2 MB a seed, for at most 16 seeds
KEPT_ROWS = 250_000
_random_orders = lru_cache(maxsize=16)(_RandomOrders)


def _read_only(order: Order) -> Order:
    order.setflags(write=False)
    return order


@dataclass(frozen=True, kw_only=True)
class Stochastic(_Drawn):
    """Every update reads one row.

    ``shuffle``: a new order each epoch; otherwise the order of the table. ``replacement``: each row is drawn from all
    rows, so an epoch may miss some and repeat others.
    """

    def rows_per_update(self, n_samples: int) -> int:
        return 1

    @property
    def title(self) -> str:
        return "stochastic"


@dataclass(frozen=True)
class MiniBatch(_Drawn):
    """Every update reads ``batch_size`` rows.

    The last batch of an epoch holds what is left, and its gradient is the mean over those rows, or is left out with
    ``drop_last`` (as in PyTorch's DataLoader). Batches never cross the end of an epoch.
    """

    batch_size: int = setting(32, least=1, help="rows an update reads")
    _: KW_ONLY
    drop_last: bool = False

    def rows_per_update(self, n_samples: int) -> int:
        require(
            self.batch_size <= n_samples,
            "batch_size must be between 1 and n_samples ({}), got {!r}",
            n_samples,
            self.batch_size,
        )
        return self.batch_size

    def updates_per_epoch(self, n_samples: int) -> int:
        batch_size = self.rows_per_update(n_samples)
        return n_samples // batch_size if self.drop_last else -(-n_samples // batch_size)

    def examples_per_epoch(self, n_samples: int) -> int:
        return self.updates_per_epoch(n_samples) * self.batch_size if self.drop_last else n_samples

    @property
    def title(self) -> str:
        return f"mini-batch {self.batch_size}"


SAMPLINGS: dict[str, type[Sampling]] = {"Batch": Batch, "Stochastic": Stochastic, "MiniBatch": MiniBatch}
