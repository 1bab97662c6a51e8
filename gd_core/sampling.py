"""Which rows an update reads: all of them, one, or a batch.

A sampling knows its batch size, how many updates make an epoch, and the stream of row orders, one epoch at a time.
Two samplings with the same seed and the same ``shuffle`` and ``replacement`` see the same order of rows, whatever their
batch size: the fair comparison rests on that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

import numpy as np
import numpy.typing as npt

from gd_core.checks import check_settings, require, setting


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
        per_epoch = self.examples_per_epoch(n_samples)
        return epochs * per_epoch + np.minimum(within * self.rows_per_update(n_samples), per_epoch)

    def orders(self, n_samples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
        """The row order of the first epoch, the second, and so on without end."""
        raise NotImplementedError

    def rows_of(self, update: int, n_samples: int, seed: int) -> npt.NDArray[np.int64]:
        """The rows that update number ``update`` (counted from 1) reads, shape (batch_size,)."""
        require(update >= 1, "update must be at least 1, got {!r}", update)
        epoch, within = divmod(update - 1, self.updates_per_epoch(n_samples))
        orders = self.orders(n_samples, seed)
        for _ in range(epoch):
            next(orders)
        start = within * self.rows_per_update(n_samples)
        stop = min(start + self.rows_per_update(n_samples), self.examples_per_epoch(n_samples))
        return next(orders)[start:stop]

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

    def orders(self, n_samples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
        rows = np.arange(n_samples)
        while True:
            yield rows

    @property
    def title(self) -> str:
        return "batch"


@dataclass(frozen=True, kw_only=True)
class _Drawn(Sampling):
    shuffle: bool = True
    replacement: bool = False

    def orders(self, n_samples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
        """From ``default_rng(seed)``, an epoch at a time: ``permutation(n)`` or ``integers(n, size=n)``."""
        generator = np.random.default_rng(seed)
        rows = np.arange(n_samples)
        while True:
            if self.replacement:
                yield generator.integers(n_samples, size=n_samples)
            elif self.shuffle:
                yield generator.permutation(n_samples)
            else:
                yield rows


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
