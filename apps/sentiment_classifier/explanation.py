"""Measure which words an answer depends on.

Attention says where the network looked, which need not be what decided ("Attention is not Explanation", Jain and
Wallace, NAACL 2019). So the effect of a word is measured, too: by how much the log-odds of the answer fall when the
document is read without it (Li, Monroe and Jurafsky, "Understanding Neural Networks through Representation Erasure",
arXiv:1612.08220, 2016).
"""

import numpy as np
import tensorflow as tf

# Words of a document, those with the most attention, whose effect is measured.
MEASURED = 50
# Effect below which a word is not colored: it changes the odds by less than a third.
SMALL = 0.3


def explain(classifier, text, measured=MEASURED):
    """Explain the answer for a document.

    Args:
        classifier: a `Classifier`.
        text: string.
        measured: number of words at most whose effect is measured.

    Returns:
        Dict of `label`, `probability` and `probabilities` by class; and `words`, a list of dicts of `word`,
        `attention`, its part of all attention, and `effect`, by how much log(p / (1 - p)) of `probability` falls
        without the word; None if it was not measured.
    """
    words, of_tokens = (each[0] for each in classifier.encoder.words(tf.constant([text])))
    words, of_tokens = [word.decode() for word in words.numpy()], of_tokens.numpy()
    (ids,) = classifier.encoder.rows([text])
    logits, (attention,) = classifier.read([ids])
    by_word = np.bincount(of_tokens, attention, minlength=len(words)).astype("float32")
    probabilities = classifier.probabilities(logits)[0]
    best = int(probabilities.argmax())
    chosen = np.argsort(-by_word, kind="stable")[:measured]
    effects = {}
    if len(chosen):
        masks = [of_tokens != word for word in chosen]
        without = classifier.read([ids] * len(chosen), masks)[0]
        odds = classifier.log_odds(np.concatenate([logits, without]), best)
        effects = dict(zip(chosen.tolist(), (odds[0] - odds[1:]).tolist(), strict=True))
    names = classifier.class_names
    return {
        "label": names[best],
        "probability": float(probabilities[best]),
        "probabilities": dict(zip(names, probabilities.tolist(), strict=True)),
        "words": [
            {"word": word, "attention": float(by_word[index]), "effect": effects.get(index)}
            for index, word in enumerate(words)
        ],
    }


def colored(words, color):
    """Return words as text for a terminal: green for those that speak for the answer, red for those against it.

    Args:
        words: of `explain`.
        color: whether the terminal shows colors; else words with an effect get it as a mark, such as `[+1.2]`.
    """
    return " ".join(_colored(each["word"], each["effect"] or 0.0, color) for each in words)


def _colored(word, effect, color):
    if abs(effect) < SMALL:
        return word
    if not color:
        return f"{word} [{effect:+.1f}]"
    # Bold, or plain.
    strength = 1 if abs(effect) >= 4 * SMALL else 22
    return f"\x1b[{32 if effect > 0 else 31};{strength}m{word}\x1b[0m"
