"""The built-in tasks, and small networks trained on them.

`page/tasks.js` has the same tasks for training in the browser.
"""

from dataclasses import dataclass, field

import numpy as np

CELLS = ("simple_rnn", "lstm", "gru")
WORDS = ("hello", "help", "hollow", "low", "yellow")
LETTERS = " ehlopwy"
MAX_DEPTH = 4
ECHO_DISTANCE = 3


@dataclass(frozen=True)
class Task:
    """What a built-in network is trained on.

    Args:
        name: key in networks.json.
        title: shown on the page.
        about: one sentence for the page.
        inputs: symbols, one-hot as inputs; empty for a series of numbers.
        outputs: classes of the softmax; empty for one number.
        units: size of the recurrent layer.
        epochs: passes over `ROWS` sequences.
        example: text or numbers with which the page starts.
    """

    name: str
    title: str
    about: str
    inputs: str
    outputs: str
    units: int
    epochs: int
    example: str | list = field(repr=False)


TASKS = (
    Task(
        "hello",
        "Words",
        f"Predict the next letter of {', '.join(WORDS)}. After “ello” only the first letter says whether a word ends.",
        LETTERS,
        LETTERS,
        12,
        12,
        "hello yellow hollow",
    ),
    Task(
        "brackets",
        "Brackets",
        f"Count open brackets: ( adds one, ) takes one away, and the count stays between 0 and {MAX_DEPTH}.",
        "()",
        "".join(map(str, range(MAX_DEPTH + 1))),
        6,
        14,
        "(()(()))())((())",
    ),
    Task(
        "sine",
        "Sine",
        "Predict the next value of a sine wave whose period, height and phase are not known.",
        "",
        "",
        8,
        20,
        [round(0.8 * float(np.sin(2 * np.pi * step / 12)), 3) for step in range(36)],
    ),
    Task(
        "echo",
        "Echo",
        f"Say again the letter that came {ECHO_DISTANCE} steps ago.",
        "abcd",
        "abcd",
        12,
        14,
        "abcdacbdddbacabd",
    ),
)

ROWS, LENGTH, BATCH_SIZE = 1024, 24, 32
# Enough for every network to learn its task.
LEARNING_RATE = 0.02


def make_sequences(task, rows, length, seed):
    """Draw sequences of a task.

    Returns:
        Inputs, float32 (rows, length, features); targets, int (rows, length) or float32 (rows, length, 1); which
        targets count, float32 (rows, length).
    """
    random = np.random.default_rng(seed)
    counts = np.ones((rows, length), "float32")
    if task.name == "sine":
        height, period, phase = (random.uniform(*limits, (rows, 1)) for limits in ((0.4, 1), (8, 20), (0, 2 * np.pi)))
        series = (height * np.sin(phase + 2 * np.pi * np.arange(length + 1) / period)).astype("float32")
        counts[:, :2] = 0  # Two values are needed to see a direction.
        return series[:, :-1, None], series[:, 1:, None], counts
    if task.name == "hello":
        texts = [" ".join(random.choice(WORDS, length))[: length + 1] for _ in range(rows)]
        ids = np.array([[LETTERS.index(letter) for letter in text] for text in texts])
        symbols, targets = ids[:, :-1], ids[:, 1:]
    elif task.name == "brackets":
        symbols = random.integers(0, 2, (rows, length))
        targets = np.array([count_brackets(row) for row in symbols])
    else:
        symbols = random.integers(0, len(task.inputs), (rows, length))
        targets = np.roll(symbols, ECHO_DISTANCE, axis=1)
        counts[:, :ECHO_DISTANCE] = 0
    return np.eye(len(task.inputs), dtype="float32")[symbols], targets, counts


def count_brackets(symbols):
    """Return the count after each symbol; 0 is an opening bracket, 1 a closing one."""
    depth, depths = 0, []
    for symbol in symbols:
        depth = min(MAX_DEPTH, max(0, depth + (1 if symbol == 0 else -1)))
        depths.append(depth)
    return depths


def determined(inputs):
    """Return where the next letter of `WORDS` follows from what was read, bool (rows, length)."""
    return np.array([_determined_in("".join(LETTERS[i] for i in row.argmax(axis=-1))) for row in inputs])


def _determined_in(text):
    prefixes = [text[: end + 1].rpartition(" ")[2] for end in range(len(text))]
    return [len({f"{w} "[len(p)] for w in WORDS if w.startswith(p)}) == 1 for p in prefixes]


def score(task, outputs, inputs, targets, counts):
    """Return the fraction of right answers where the answer is determined; for numbers 1 - MSE / MSE of no change."""
    if not task.outputs:
        kept = counts > 0
        errors = (outputs - targets)[..., 0] ** 2
        changes = (inputs - targets)[..., 0] ** 2
        return float(1 - errors[kept].mean() / changes[kept].mean())
    kept = (counts > 0) & determined(inputs) if task.name == "hello" else counts > 0
    return float((outputs.argmax(axis=-1) == targets)[kept].mean())


def train_network(task, cell, seed=0):
    """Train a network; return its weights and measured score for networks.json."""
    import keras

    import layers

    keras.utils.set_random_seed(seed)
    recurrent = {"simple_rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}[cell]
    width = max(1, len(task.outputs))
    inputs, targets, counts = make_sequences(task, ROWS, LENGTH, seed)
    model = keras.Sequential(
        [
            keras.Input((LENGTH, inputs.shape[-1])),
            recurrent(task.units, return_sequences=True, name=cell),
            keras.layers.Dense(width, name="output"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if task.outputs else "mse"
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, task.epochs * ROWS // BATCH_SIZE)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), loss, steps_per_execution=8)
    model.fit(inputs, targets, batch_size=BATCH_SIZE, epochs=task.epochs, sample_weight=counts, verbose=0)
    test = make_sequences(task, 256, LENGTH, seed + 1)
    measured = score(task, keras.ops.convert_to_numpy(model(test[0])), *test)
    names = ("kernel", "recurrent_kernel", "bias", "output_kernel", "output_bias")
    weights = {
        name: [round(float(value), 4) for value in weight.ravel()]
        for name, weight in zip(names, model.get_weights(), strict=True)
    }
    return {"cell": cell, "units": task.units, "features": inputs.shape[-1], "outputs": width, **weights}, measured
