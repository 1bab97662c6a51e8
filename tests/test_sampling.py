"""Which rows are read, in which order, and how many of them: replayed by hand from NumPy's generator."""

from itertools import islice

import numpy as np
import pytest

import gd_core as gd
from gd_core import sampling as samplings
from gd_core.sampling import SAMPLINGS, Sampling


def first_orders(sampling: Sampling, n_samples: int, seed: int, epochs: int) -> list[np.ndarray]:
    return list(islice(sampling.orders(n_samples, seed), epochs))


@pytest.mark.parametrize("sampling", [gd.Stochastic(), gd.MiniBatch(4), gd.MiniBatch(3, drop_last=True)])
def test_an_epoch_is_one_permutation_of_a_seeded_generator(sampling: Sampling) -> None:
    generator = np.random.default_rng(7)
    for order in first_orders(sampling, 10, 7, 5):
        np.testing.assert_array_equal(order, generator.permutation(10))


@pytest.mark.parametrize("sampling", [gd.Stochastic(replacement=True), gd.MiniBatch(4, replacement=True)])
def test_with_replacement_rows_are_drawn_from_all_rows(sampling: Sampling) -> None:
    generator = np.random.default_rng(7)
    for order in first_orders(sampling, 10, 7, 5):
        np.testing.assert_array_equal(order, generator.integers(10, size=10))


@pytest.mark.parametrize("sampling", [gd.Batch(), gd.Stochastic(shuffle=False), gd.MiniBatch(4, shuffle=False)])
def test_without_shuffling_the_order_is_that_of_the_table(sampling: Sampling) -> None:
    for order in first_orders(sampling, 10, 7, 3):
        np.testing.assert_array_equal(order, np.arange(10))


@pytest.mark.parametrize("kept_rows", [0, 9, 10, 25, 1000])
def test_kept_orders_are_the_orders(monkeypatch: pytest.MonkeyPatch, kept_rows: int) -> None:
    monkeypatch.setattr(samplings, "KEPT_ROWS", kept_rows)
    samplings._random_orders.cache_clear()
    generator = np.random.default_rng(11)
    expected = [generator.permutation(10) for _ in range(6)]
    streams = [gd.Stochastic().orders(10, 11), gd.MiniBatch(5).orders(10, 11), gd.Stochastic().orders(10, 11)]
    # two read side by side, the third after them
    for k in range(6):
        np.testing.assert_array_equal(next(streams[0]), expected[k])
        np.testing.assert_array_equal(next(streams[1]), expected[k])
    np.testing.assert_array_equal(list(islice(streams[2], 6)), expected)


def test_an_order_cannot_be_changed_by_who_reads_it() -> None:
    for sampling in (gd.Batch(), gd.Stochastic(), gd.Stochastic(shuffle=False), gd.MiniBatch(2, replacement=True)):
        with pytest.raises(ValueError, match="read-only"):
            next(sampling.orders(5, 0))[0] = 3


# sampling, rows, rows an update, updates an epoch, examples an epoch
COUNTS = [
    (gd.Batch(), 10, 10, 1, 10),
    (gd.Stochastic(), 10, 1, 10, 10),
    (gd.MiniBatch(5), 10, 5, 2, 10),
    (gd.MiniBatch(4), 10, 4, 3, 10),
    (gd.MiniBatch(4, drop_last=True), 10, 4, 2, 8),
    (gd.MiniBatch(10, drop_last=True), 10, 10, 1, 10),
    (gd.MiniBatch(1), 1, 1, 1, 1),
]


@pytest.mark.parametrize(("sampling", "n_samples", "rows", "updates", "examples"), COUNTS)
def test_how_many(sampling: Sampling, n_samples: int, rows: int, updates: int, examples: int) -> None:
    assert sampling.rows_per_update(n_samples) == rows
    assert sampling.updates_per_epoch(n_samples) == updates
    assert sampling.examples_per_epoch(n_samples) == examples


@pytest.mark.parametrize(("sampling", "n_samples", "rows", "updates", "examples"), COUNTS)
def test_rows_of_an_update_add_up_to_the_examples(
    sampling: Sampling, n_samples: int, rows: int, updates: int, examples: int
) -> None:
    read = [sampling.rows_of(update, n_samples, 3) for update in range(1, 3 * updates + 1)]
    seen = np.concatenate([[0], np.cumsum([len(batch) for batch in read])])
    np.testing.assert_array_equal(sampling.examples_at(np.arange(3 * updates + 1), n_samples), seen)
    assert seen[updates] == examples
    orders = first_orders(sampling, n_samples, 3, 3)
    np.testing.assert_array_equal(np.concatenate(read), np.concatenate([order[:examples] for order in orders]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gd.MiniBatch(0), "batch_size must be at least 1, got 0"),
        (lambda: gd.MiniBatch(2.0), "batch_size must be a whole number, got 2.0"),
        (lambda: gd.MiniBatch(True), "batch_size must be a whole number, got True"),
        (lambda: gd.MiniBatch("32"), "batch_size must be a whole number, got '32'"),
        (lambda: gd.MiniBatch(4, drop_last=1), "drop_last must be True or False, got 1"),
        (lambda: gd.Stochastic(shuffle="no"), "shuffle must be True or False, got 'no'"),
        (lambda: gd.MiniBatch(500).rows_per_update(200), "batch_size must be between 1 and n_samples (200), got 500"),
        (lambda: gd.Stochastic().rows_of(0, 10, 0), "update must be at least 1, got 0"),
    ],
)
def test_misuse_is_said(make: object, message: str) -> None:
    with pytest.raises(ValueError, match="must be") as refused:
        make()
    assert str(refused.value) == message


def test_the_table_of_samplings_is_whole() -> None:
    assert {name: found.__name__ for name, found in SAMPLINGS.items()} == {name: name for name in SAMPLINGS}
    assert [found().title for found in SAMPLINGS.values()] == ["batch", "stochastic", "mini-batch 32"]
