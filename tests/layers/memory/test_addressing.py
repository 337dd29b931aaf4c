"""The functions of a memory's addressing: values, special cases and gradients."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from layers.memory import access, addressing
from tests.layers.families import assert_equal
from tests.layers.memory import reference

BATCH, SLOTS, WIDTH, HEADS = 3, 7, 4, 2


def gradient(function, value):
    """Return the gradient of the weighted sum of a function's values."""
    value = ops.convert_to_tensor(value)

    def loss(value):
        result = function(value)
        return ops.sum(result * ops.reshape(ops.arange(1.0, 1 + np.prod(result.shape)), result.shape))

    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(loss)(value))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(value)
        result = loss(value)
    return tape.gradient(result, value).numpy()


def uniform(generator, *shape):
    return generator.random(shape).astype("float32")


def test_content_weighting_equals_the_equations(generator):
    memory, keys = generator.normal(size=(BATCH, SLOTS, WIDTH)), generator.normal(size=(BATCH, HEADS, WIDTH))
    memory, keys = memory.astype("float32"), keys.astype("float32")
    strengths, masks = 5 * uniform(generator, BATCH, HEADS), uniform(generator, BATCH, HEADS, WIDTH)
    for given in (None, masks):
        expected = [
            [
                reference.content(memory[b], keys[b, h], strengths[b, h], 1.0 if given is None else given[b, h])
                for h in range(HEADS)
            ]
            for b in range(BATCH)
        ]
        assert_equal(addressing.content_weighting(memory, keys, strengths, given), np.array(expected), rtol=1e-4)


@pytest.mark.parametrize("masks", [None, np.zeros((1, 1, WIDTH), "float32"), np.ones((1, 1, WIDTH), "float32")])
def test_zero_memory_and_zero_key_give_a_uniform_weighting_and_finite_gradients(masks):
    zeros, ones = np.zeros((1, SLOTS, WIDTH), "float32"), np.ones((1, 1, WIDTH), "float32")
    strengths = np.full((1, 1), 3.0, "float32")
    for memory, keys in ((zeros, ones), (zeros + 1, 0 * ones), (zeros, 0 * ones)):
        weighting = addressing.content_weighting(memory, keys, strengths, masks)
        assert_equal(weighting, np.full((1, 1, SLOTS), 1 / SLOTS))
        for function, value in (
            (lambda x, keys=keys: addressing.content_weighting(x, keys, strengths, masks), memory),
            (lambda x, memory=memory: addressing.content_weighting(memory, x, strengths, masks), keys),
        ):
            assert np.isfinite(gradient(function, value)).all()


def test_allocation_equals_the_equation(generator):
    used = uniform(generator, 20, SLOTS)
    expected = np.array([reference.allocation(row.astype("float64")) for row in used])
    assert_equal(addressing.allocation_weighting(used), expected)
    assert np.all(ops.convert_to_numpy(addressing.allocation_weighting(used)).sum(axis=1) <= 1 + 1e-6)


@pytest.mark.parametrize("slots", [1, 2, 3, 8, 17])
def test_allocation_with_ties_takes_the_first_slot(slots):
    for value in (0.0, 0.5, 1.0):
        used = np.full((2, slots), value, "float32")
        expected = (1 - value) * value ** np.arange(slots)
        assert_equal(addressing.allocation_weighting(used), np.stack([expected] * 2))


def test_allocation_gradient_is_exact_where_usage_is_zero():
    """In the order 1, 3, 2, 0: a_1 = 1 - u_1, a_3 = (1 - u_3) u_1, a_2 = (1 - u_2) u_1 u_3, ..."""
    used = np.array([[0.9, 0.0, 0.4, 0.0]], "float32")
    assert_equal(addressing.allocation_weighting(used), np.array([[0, 1, 0, 0]]))
    # The loss is a_0 + 2 a_1 + 3 a_2 + 4 a_3.
    assert_equal(gradient(addressing.allocation_weighting, used), np.array([[0, -2 + 4, 0, 0]]))


def test_allocation_gradient_equals_finite_differences(generator):
    used = generator.permutation(np.linspace(0.1, 0.9, SLOTS))[None]
    coefficients = np.arange(1, SLOTS + 1)
    actual = gradient(addressing.allocation_weighting, used.astype("float32"))
    for slot in range(SLOTS):
        up, down = used[0].copy(), used[0].copy()
        up[slot] += 1e-6
        down[slot] -= 1e-6
        expected = coefficients @ (reference.allocation(up) - reference.allocation(down)) / 2e-6
        np.testing.assert_allclose(actual[0, slot], expected, rtol=1e-4, atol=1e-5)


def test_usage_grows_by_writes_and_falls_by_freed_reads():
    used, written = np.array([[0.0, 0.5, 1.0]]), np.array([[1.0, 0.5, 0.0]])
    reads = np.array([[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    retained = addressing.retention(np.array([[1.0, 0.25]]), reads)
    assert_equal(retained, np.array([[1.0, 0.0, 0.75]]))
    assert_equal(addressing.usage(used, written, retained), np.array([[1.0, 0.0, 0.75]]))


def test_links_lead_from_a_slot_to_the_one_written_next():
    order = [2, 0, 3, 1]
    links, precedence = np.zeros((1, 4, 4), "float32"), np.zeros((1, 4), "float32")
    for slot in order:
        write = np.eye(4, dtype="float32")[slot][None]
        links, precedence = (
            addressing.update_links(links, precedence, write),
            addressing.update_precedence(precedence, write),
        )
    expected = np.zeros((4, 4))
    for before, after in itertools.pairwise(order):
        expected[after, before] = 1
    assert_equal(links, expected[None])
    assert_equal(precedence, np.eye(4)[1][None])
    backward, forward = addressing.follow_links(links, np.eye(4, dtype="float32")[0][None, None])
    assert_equal(backward, np.eye(4)[2][None, None])
    assert_equal(forward, np.eye(4)[3][None, None])


def test_links_equal_the_equations(generator):
    links = uniform(generator, BATCH, SLOTS, SLOTS)
    precedence, write = uniform(generator, BATCH, SLOTS), uniform(generator, BATCH, SLOTS) / SLOTS
    expected = [reference.links(*row) for row in zip(links, precedence, write, strict=True)]
    assert_equal(addressing.update_links(links, precedence, write), np.array(expected))


def test_normalized_links_equal_the_equation_and_are_uniform_without_links(generator):
    weightings, strengths = uniform(generator, BATCH, HEADS, SLOTS) / SLOTS, 1 + uniform(generator, BATCH, HEADS)
    expected = [
        [reference.sharpened_links(weightings[b, h].astype("float64"), strengths[b, h]) for h in range(HEADS)]
        for b in range(BATCH)
    ]
    assert_equal(addressing.normalize_links(weightings, strengths), np.array(expected), rtol=1e-4)
    zeros = np.zeros_like(weightings)
    assert_equal(addressing.normalize_links(zeros, strengths), zeros + 1 / SLOTS)
    assert np.isfinite(gradient(lambda d: addressing.normalize_links(d, strengths), zeros)).all()


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_shift_equals_the_circular_convolution(generator, reach):
    weightings, shifts = uniform(generator, BATCH, HEADS, SLOTS), uniform(generator, BATCH, HEADS, 2 * reach + 1)
    expected = [[reference.shifted(weightings[b, h], shifts[b, h]) for h in range(HEADS)] for b in range(BATCH)]
    assert_equal(addressing.shift(weightings, shifts), np.array(expected))


def test_shift_by_one_moves_to_the_next_slot():
    first, last = np.eye(4, dtype="float32")[0], np.eye(4, dtype="float32")[3]
    assert_equal(addressing.shift(first[None, None], np.array([[[0, 0, 1.0]]], "float32")), np.eye(4)[1][None, None])
    assert_equal(addressing.shift(last[None, None], np.array([[[0, 0, 1.0]]], "float32")), np.eye(4)[0][None, None])
    assert_equal(addressing.shift(first[None, None], np.array([[[1.0, 0, 0]]], "float32")), np.eye(4)[3][None, None])


def test_sharpening_equals_powers_and_is_safe_at_zero(generator):
    weightings, exponents = uniform(generator, BATCH, HEADS, SLOTS), 1 + 9 * uniform(generator, BATCH, HEADS)
    weightings[0, 0, 1:] = 0
    powers = weightings.astype("float64") ** exponents[..., None]
    assert_equal(
        addressing.sharpen(weightings, exponents), powers / powers.sum(axis=-1, keepdims=True), rtol=1e-4, atol=1e-5
    )
    assert np.isfinite(gradient(lambda w: addressing.sharpen(w, exponents), weightings)).all()
    assert np.isfinite(gradient(lambda g: addressing.sharpen(weightings, g), exponents)).all()


def test_write_erases_and_adds_for_each_head(generator):
    memory = uniform(generator, BATCH, SLOTS, WIDTH)
    weightings, erase = uniform(generator, BATCH, HEADS, SLOTS), uniform(generator, BATCH, HEADS, WIDTH)
    vectors = uniform(generator, BATCH, HEADS, WIDTH)
    expected = memory.copy()
    for head in range(HEADS):
        expected *= 1 - np.einsum("bs,bw->bsw", weightings[:, head], erase[:, head])
    for head in range(HEADS):
        expected += np.einsum("bs,bw->bsw", weightings[:, head], vectors[:, head])
    assert_equal(access.write(memory, weightings, erase, vectors), expected)
    assert_equal(access.read(memory, weightings), np.einsum("bhs,bsw->bhw", weightings, memory))


def test_interface_sizes_are_those_of_the_papers():
    parts = access.dnc_interface(slot_size=5, read_heads=3)
    assert access.interface_size(parts) == 5 * 3 + 3 * 5 + 5 * 3 + 3
    options = access.dnc_interface(slot_size=5, read_heads=3, mask_content=True, normalize_links=True)
    assert access.interface_size(options) == access.interface_size(parts) + 5 * 4 + 2 * 3
    assert access.interface_size(access.ntm_interface(5, 2, 1, 1)) == 3 * (5 + 1 + 1 + 3 + 1) + 2 * 5
