"""Metrics of captions."""

import numpy as np
import pytest

from apps.video_captioner.metrics import caption_metrics


def test_metrics_equal_those_computed_by_hand():
    """Two captions; the first is a reference, of the second's five words three are right, two of them adjacent."""
    captions = ["A dog runs.", "the old cat sleeps here"]
    references = [["a dog is running", "a dog runs"], ["an old cat rests here"]]
    figures = caption_metrics(captions, references)
    # Words 3 + 3 of 8; pairs 2 + 1 of 2 + 4; no brevity penalty: 8 words against 3 + 5.
    assert figures["bleu_1"] == pytest.approx(100 * 6 / 8, abs=1e-3)
    assert figures["bleu_2"] == pytest.approx(100 * np.sqrt(6 / 8 * 3 / 6), abs=1e-3)
    # Longest common subsequence: 3 of 3, and `old cat here`, 3 of 5 on both sides.
    assert figures["rouge_l"] == pytest.approx(100 * (1 + 3 / 5) / 2)
    # Precision and recall 3/5; two chunks of three matches cost 0.5 * (2 / 3) ** 3.
    first = 1 - 0.5 * (1 / 3) ** 3
    assert figures["meteor"] == pytest.approx(100 * (first + 0.6 * (1 - 0.5 * (2 / 3) ** 3)) / 2)
    assert figures["exact"] == 50.0


def test_metrics_are_highest_for_references_and_defined_for_empty_captions():
    references = [["a red circle grows", "the red circle is growing"], ["a blue star moves up"], ["it bounces twice"]]
    right = caption_metrics([own[0] for own in references], references)
    assert right["exact"] == 100 and right["bleu_2"] == pytest.approx(100, abs=1e-3) and right["rouge_l"] == 100
    wrong = caption_metrics(["green square shrinks", "", "a blue star moves down"], references)
    assert all(0 <= wrong[name] < right[name] for name in right)


def test_punctuation_and_case_are_ignored():
    assert caption_metrics(["A man's dog, RUNS!"], [["a man's dog runs"]])["exact"] == 100
    assert caption_metrics(["a man dog runs"], [["a man's dog runs"]])["exact"] == 0
