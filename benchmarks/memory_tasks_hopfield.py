"""How many random patterns the Hopfield networks of `layers.memory` store: the part "hopfield" of `memory_tasks`."""

import numpy as np

import layers
from apps.common.reports import figure

from .results import FOLDER, write_results

# Fraction of the units above which Hebbian storage of random patterns breaks down (Amit, Gutfreund and Sompolinsky,
# Physical Review Letters 55(14), 1985).
CRITICAL_LOAD = 0.138
LOADS = {"hebbian": np.arange(0.02, 0.241, 0.02), "pseudo_inverse": np.arange(0.1, 1.01, 0.1)}
# Most wrong bits, as a fraction, of a recalled pattern.
RECALLED = 0.01
# Largest distance from a pattern, relative to its norm, of a retrieved state; and that of the state before.
RETRIEVED, NOISE = 0.1, 0.2
# Fraction of the queries that must be retrieved.
STORED = 0.99
MOST_PATTERNS = 2**19
COLORS = ("#e07a5f", "#1f6f8b")


def hopfield(units=(100, 500), dimensions=(8, 10, 12, 14, 16, 18, 20), seeds=(0, 1, 2), most_patterns=MOST_PATTERNS):
    """Measure, tabulate and draw what both networks store.

    Args:
        units: of the binary networks.
        dimensions: of the patterns of the continuous network.
        seeds: of the patterns.
        most_patterns: number after which the continuous network is not tested further.
    """
    curves = {
        (rule, size, flipped): [recalled(rule, size, load, flipped, seeds) for load in LOADS[rule]]
        for rule in LOADS
        for size in units
        for flipped in (0.0, 0.1)
    }
    stored = {dimension: stored_patterns(dimension, seeds, most_patterns) for dimension in dimensions}
    FOLDER.mkdir(exist_ok=True)
    draw(curves, stored, FOLDER / "hopfield_capacity.png")
    _write_binary(curves)
    _write_continuous(stored)


def recalled(rule, units, load, flipped, seeds):
    """Return the fraction of patterns that a binary network recalls.

    Args:
        rule: "hebbian" or "pseudo_inverse".
        units: of the network.
        load: number of patterns over `units`.
        flipped: fraction of the bits that are wrong at the start of the recall.
        seeds: of the patterns.
    """
    found = []
    for seed in seeds:
        generator = np.random.default_rng(seed)
        patterns = generator.choice([-1, 1], (max(1, round(load * units)), units))
        network = layers.HopfieldNetwork(units, rule).store(patterns)
        wrong = np.argsort(generator.random(patterns.shape), axis=1) < round(flipped * units)
        states = network.recall(np.where(wrong, -patterns, patterns), max_sweeps=30, seed=seed).states
        found.append(np.mean(np.mean(states != patterns, axis=1) <= RECALLED))
    return float(np.mean(found))


def stored_patterns(dimension, seeds, most_patterns=MOST_PATTERNS, queries=256):
    """Return how many random patterns on a sphere a continuous network stores, for each seed.

    The number is the largest one, of the powers of the square root of 2, with which 99 % of the queries, patterns with
    noise, end near their pattern after one update.
    """
    return [_stored(np.random.default_rng(seed), dimension, most_patterns, queries) for seed in seeds]


def _stored(generator, dimension, most_patterns, queries):
    network = _network(dimension)
    radius = np.sqrt(dimension - 1)
    patterns = radius * _directions(generator, most_patterns, dimension)
    noise = NOISE * radius * _directions(generator, queries, dimension)
    largest = 1
    for count in (round(2 ** (half / 2)) for half in range(2, 2 * most_patterns.bit_length() - 1)):
        shown = patterns[: min(count, queries)]
        states = np.asarray(network((shown + noise[: len(shown)])[None], patterns[None, :count]))[0]
        if np.mean(np.linalg.norm(states - shown, axis=1) <= RETRIEVED * radius) < STORED:
            break
        largest = count
    return largest


def _directions(generator, count, dimension):
    vectors = generator.normal(size=(count, dimension)).astype("float32")
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _network(dimension):
    """Build a layer that compares and returns the patterns themselves, with a beta of 1."""
    network = layers.Hopfield(dimension, beta=1.0, use_bias=False)
    shape = (1, 1, dimension)
    network.build(shape, shape)
    network.set_weights([np.eye(dimension).reshape(weight.shape) for weight in network.weights])
    return network


def draw(curves, stored, path):
    """Draw the fraction of recalled patterns over the load, and the stored patterns over the dimension."""
    with figure(path, 3) as (hebbian, pseudo_inverse, continuous):
        for (rule, units, flipped), values in curves.items():
            panel = hebbian if rule == "hebbian" else pseudo_inverse
            start = f"{flipped:.0%} wrong bits" if flipped else "the pattern"
            style = {
                "color": COLORS[units == max(size for _, size, _ in curves)],
                "linestyle": "--" if flipped else "-",
            }
            panel.plot(LOADS[rule], values, label=f"{units} units, from {start}", **style)
        hebbian.axvline(CRITICAL_LOAD, color="0.4", linewidth=1, linestyle=":")
        hebbian.text(CRITICAL_LOAD - 0.035, 0.03, f"{CRITICAL_LOAD} N")
        for panel, title in ((hebbian, "Hebbian"), (pseudo_inverse, "Pseudo-inverse")):
            panel.set(title=title, xlabel="patterns / units", ylabel="fraction recalled", ylim=(-0.05, 1.05))
        pseudo_inverse.legend(loc="lower left")
        dimensions = np.array(list(stored))
        for seed in np.array(list(stored.values())).T:
            continuous.plot(dimensions, seed, "o", color=COLORS[1])
        continuous.plot(dimensions, 2 ** (dimensions / 2), color="0.4", linestyle=":", label="2^(d / 2)")
        continuous.plot(dimensions, CRITICAL_LOAD * dimensions, color=COLORS[0], label=f"{CRITICAL_LOAD} d, binary")
        continuous.set(title="Continuous", xlabel="dimension d", ylabel="patterns stored", yscale="log")
        continuous.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        continuous.yaxis.set_minor_formatter(lambda *_: "")
        continuous.legend()


def _write_binary(curves):
    rows = [
        {
            "storage": rule.replace("_", "-"),
            "units": f"{units:,}",
            "wrong bits at the start": f"{flipped:.0%}",
            **{f"{load:g} N": _at(rule, load, values) for load in (0.06, 0.1, 0.14, 0.2, 0.5, 0.9)},
        }
        for (rule, units, flipped), values in curves.items()
    ]
    notes = (
        f"Fraction of patterns of which at most {RECALLED:.0%} of the bits are wrong after asynchronous recall. N is "
        "the number of units, the columns are numbers of patterns; means of the seeds.",
        f"Hebbian storage breaks down at {CRITICAL_LOAD} N patterns in the limit of large networks, where 1.6 % of the "
        "bits of a recalled pattern are wrong (Amit et al. 1985).",
    )
    title = "Random patterns recalled by a binary Hopfield network"
    packages = ("numpy",)
    write_results("hopfield_binary", title, rows, packages, None, notes, "--parts hopfield", module="memory_tasks")


def _at(rule, load, values):
    near = np.flatnonzero(np.isclose(LOADS[rule], load))
    return f"{values[near[0]]:.2f}" if len(near) else ""


def _write_continuous(stored):
    rows = [
        {
            "dimension": dimension,
            "patterns stored": f"{np.median(counts):,.0f}",
            "least and most": f"{min(counts):,} to {max(counts):,}",
            "2^(d/2)": f"{2 ** (dimension / 2):,.0f}",
            "0.138 d": f"{CRITICAL_LOAD * dimension:.1f}",
        }
        for dimension, counts in stored.items()
    ]
    growth = np.polyfit(list(stored), np.log2([np.median(counts) for counts in stored.values()]), 1)[0]
    notes = (
        f"Random patterns on the sphere of radius sqrt(d - 1), beta = 1. Stored: {STORED:.0%} of the queries, patterns "
        f"with noise of {NOISE:.0%} of their norm, are nearer to their pattern than {RETRIEVED:.0%} of it after one "
        "update. Powers of the square root of 2 were tried.",
        f"The number grows as 2^({growth:.2f} d), fitted to the medians. Ramsauer et al. 2021, theorem 3, prove "
        "exponential growth. 2^(d/2): binary patterns with the exponential energy of Demircigil et al., Journal of "
        "Statistical Physics 168, 2017. 0.138 d: a binary network with Hebbian storage.",
    )
    title = "Random patterns stored by a continuous Hopfield network"
    packages = ("keras", "jax")
    write_results("hopfield_continuous", title, rows, packages, None, notes, "--parts hopfield", module="memory_tasks")
