"""Translates sentences with a trained translator."""

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import tensorflow as tf
import tyro
from keras import ops

from ..common import cli, runs
from ..common.decoding import Search, Searcher
from ..common.reports import figure
from ..common.tables import decode
from ..common.text import SPACE, START_ID, UNKNOWN_ID
from .config import Config
from .data import encode_all, load_subwords, padded_lengths, read_file
from .model import load_model

# Sentences that --attention draws.
DRAWN = 4


class Translator:
    """A trained run: sentences in, translations out.

    Attributes:
        config: the run's Config.
        source, target: the two languages' `Subwords`.
    """

    def __init__(self, run_dir, search=Search()):
        saved = runs.open_run(run_dir)
        self.config = runs.settings_of(saved, Config)
        self.model = load_model(Path(run_dir) / "model.keras")
        self.source, self.target = load_subwords(run_dir)
        self.searcher = Searcher(self.model, self.config.max_tokens + 1, search)

    def __call__(self, texts, batch_size=64):
        """List of strings, a translation each, and float32 (texts,), their scores. Nothing translates to nothing.

        Raises:
            UserError: a text is longer than the model translates.
        """
        if not len(texts):
            return [], np.zeros(0, "float32")
        numbers = encode_all(self.source, list(texts))
        self._require_short(numbers)
        lengths = numbers.row_lengths().numpy()
        # Like lengths go together to save padding.
        order = np.argsort(lengths, kind="stable")
        translations, scores = np.full(len(lengths), "", object), np.zeros(len(lengths), "float32")
        tokens, scores[order] = self.searcher.predict(self._batches(numbers, order, batch_size), verbose=0)
        translations[order] = [text.decode() for text in self.target.decode(tokens).numpy()]
        translations[lengths == 1], scores[lengths == 1] = "", 0
        return translations.tolist(), scores

    def _batches(self, numbers, order, batch_size):
        starts = range(0, len(order), batch_size)

        def batches():
            for start in starts:
                rows = tf.gather(numbers, order[start : start + batch_size])
                longest = next(edge for edge in padded_lengths(self.config) if edge >= rows.bounding_shape()[1])
                yield rows.to_tensor(0, shape=[None, longest])

        dataset = tf.data.Dataset.from_generator(batches, output_signature=tf.TensorSpec([None, None], tf.int32))
        return dataset.apply(tf.data.experimental.assert_cardinality(len(starts)))

    def _require_short(self, numbers):
        lengths = numbers.row_lengths().numpy() - 1
        for number, length in enumerate(lengths.tolist(), 1):
            if length > self.config.max_tokens:
                raise cli.UserError(
                    f"text {number} of {len(lengths)} has {length} subwords, this model translates at most "
                    f"{self.config.max_tokens} at a time; cut it into sentences"
                )

    def is_short(self, texts):
        """Bool (texts,): which are not longer than the model translates."""
        return encode_all(self.source, list(texts)).row_lengths().numpy() - 1 <= self.config.max_tokens

    def unknown_characters(self, text):
        """How many characters of a text the model has never seen."""
        return int(tf.reduce_sum(tf.cast(self.source.encode([text]).flat_values == UNKNOWN_ID, tf.int32)))

    def attention(self, text, translation):
        """What the decoder looked at: source pieces, target pieces, weights (target pieces, source pieces)."""
        source = encode_all(self.source, [text]).to_tensor()
        given = encode_all(self.target, [translation]).to_tensor()
        weights = self.model.look(source.numpy(), np.pad(given, [[0, 0], [1, 0]], constant_values=START_ID)[:, :-1])
        sides = [side.names(row[0].numpy()) for side, row in ((self.source, source), (self.target, given))]
        return *sides, ops.convert_to_numpy(weights)[0]


def predict(
    run_dir: cli.RunDir,
    texts: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")] = (),
    file: Path | None = None,
    json_lines: Annotated[bool, tyro.conf.arg(name="json")] = False,
    attention: Path | None = None,
    search: tyro.conf.OmitArgPrefixes[Search] = Search(),
):
    """Translate sentences: those given, those of a file, or those of standard input, one a line.

    Prints a translation a line; an empty line stays one.

    Args:
        run_dir: Folder of a trained run.
        texts: The sentences.
        file: File with one sentence a line, plain or .gz; `-` is standard input.
        json_lines: Print one JSON object a line, with the score.
        attention: Picture (.png, .pdf, .svg) to draw of what the model looked at, for the first 4 sentences.
        search: How the best translation is looked for.
    """
    if texts and file:
        raise cli.UserError(f"--file {file}: give sentences or a file, not both")
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise cli.UserError(f"text {number} of {len(texts)} is empty; leave it out")
    translator = Translator(run_dir, search)
    if attention and not translator.model.has_attention:
        raise cli.UserError(
            f"--attention {attention}: {run_dir} was trained with --attention none and has none to draw"
        )
    texts = texts or read_sentences(file)
    translations, scores = translator(texts)
    for number, (text, translation, score) in enumerate(zip(texts, translations, scores, strict=True), 1):
        if unknown := translator.unknown_characters(text):
            print(f"text {number}: {unknown} characters that the model has never seen are left out", file=sys.stderr)
        answer = {"translation": translation, "score": round(float(score), 6), "text": text}
        print(json.dumps(answer, ensure_ascii=False) if json_lines else translation)
    if attention:
        draw_attention(
            attention, [translator.attention(*pair) for pair in zip(texts, translations, strict=True)][:DRAWN]
        )


def read_sentences(file):
    """The lines of a text file, or of standard input."""
    if file is None or file == Path("-"):
        file, text = "standard input", decode("standard input", sys.stdin.buffer.read())
    else:
        text = read_file(file)
    if not text:
        raise cli.UserError(f"{file}: no sentences in it; expected one a line")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def draw_attention(path, looks):
    """A picture of `Translator.attention` of some sentences, side by side."""
    longest = max(max(len(source), len(target)) for source, target, _ in looks)
    size = max(4.0, 0.32 * longest)
    with figure(path, columns=len(looks), width=size, height=size) as panels:
        for axes, (source, target, weights) in zip(np.atleast_1d(panels), looks, strict=True):
            axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
            axes.set_xticks(range(len(source)), map(_label, source), rotation=90)
            axes.set_yticks(range(len(target)), map(_label, target))
            axes.set(xlabel="read", ylabel="written")
            axes.xaxis.set_label_position("top")
            axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, labelsize=9)
            axes.grid(False)


def _label(piece):
    return piece.removeprefix(SPACE) or "␣"


if __name__ == "__main__":
    sys.exit(cli.run(predict))
