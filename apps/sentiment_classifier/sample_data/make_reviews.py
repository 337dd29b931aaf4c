"""Generate reviews in which the order of the words decides.

Three of ten are of kinds that no counts of words or of pairs of words can tell apart: for each such review there is one
with the same words in the same surroundings and another class. In the others the words that praise or blame decide.
"""

import random

GOOD = "brilliant moving witty superb charming gripping delightful tender clever stunning".split()
BAD = "dull clumsy tedious shallow lifeless noisy hollow predictable dreary silly".split()
FAIR = "decent watchable passable middling harmless fair".split()
ASPECTS = "acting plot music dialogue camera pacing ending cast".split()
FILMS = "film drama comedy thriller western sequel documentary musical".split()
WHO = "my sister|the critics|our neighbours|two colleagues|the posters|a friend of mine".split("|")
PLACES = "at home|in a small cinema|on a long flight|with the children|on a rainy Sunday|at a festival".split("|")
EVENTS = (
    "a retired captain returns to the village where his brother disappeared",
    "two sisters inherit a bakery and a debt that nobody had mentioned",
    "a night nurse finds letters that were never meant for her",
    "the crew of a ferry must decide whom to believe",
    "a chess teacher is asked to play against his oldest friend",
    "three students repair a radio and hear a voice from the hills",
    "a judge recognizes the witness but says nothing",
    "an old gardener plants a tree for every guest of the hotel",
)
LABELS = ("negative", "mixed", "positive")
HARD = 0.3


def make_reviews(count=3000, seed=11):
    """Yield (row, label, text, hard), always the same for the same arguments; `hard` marks the kinds of 30 %."""
    draw = random.Random(seed)
    for row in range(1, count + 1):
        hard = draw.random() < HARD
        label = draw.choices(LABELS, (4, 2, 4))[0] if not hard else draw.choice((LABELS[0], LABELS[2]))
        sentences = (draw.choice(_HARD_KINDS) if hard else _plain)(label, draw)
        # Most reviews are short; one in twelve is long.
        filler = _filler(draw, draw.randint(10, 25) if draw.random() < 1 / 12 else draw.randint(0, 3))
        at = draw.randint(0, len(filler))
        text = " ".join([*filler[:at], *sentences, *filler[at:]])
        yield row, label, text.replace(". ", ".<br /><br />", 1) if draw.random() < 0.1 else text, hard


def _plain(label, draw):
    """Return sentences whose words of praise and blame say the class."""
    film = draw.choice(FILMS)
    first, second = draw.sample(ASPECTS, 2)
    if label == "mixed":
        return draw.choice((
            [f"A {draw.choice(FAIR)} {film}, no more and no less."],
            [f"The {first} is {draw.choice(GOOD)}, the {second} is {draw.choice(BAD)}. A {draw.choice(FAIR)} {film}."],
            [f"Neither {draw.choice(GOOD)} nor {draw.choice(BAD)}: {draw.choice(FAIR)}."],
        ))  # fmt: skip
    words = GOOD if label == "positive" else BAD
    more = f"The {first} is {draw.choice(words)} and the {second} is {draw.choice(words)}."
    return draw.choice((
        [f"A {draw.choice(words)} {film}.", more],
        [f"What a {draw.choice(words)} {film}!"],
        [more, f"I found the whole {film} {draw.choice(words)}."],
        [f"I have seldom seen such a {draw.choice(words)} {film}.", f"Really {draw.choice(words)}."],
    ))  # fmt: skip


def _words(label, draw):
    """Return a word that agrees with the class, and one that contradicts it."""
    good, bad = draw.choice(GOOD), draw.choice(BAD)
    return (good, bad) if label == "positive" else (bad, good)


def _contrast(label, draw):
    true, false = _words(label, draw)
    who = draw.choice(WHO).capitalize()
    return [f"{who} had said that it was {false} and I believed them, but in the end I thought that it was {true} and "
            "I was surprised."]  # fmt: skip


def _expectation(label, draw):
    true, false = _words(label, draw)
    film = draw.choice(FILMS)
    return [f"I thought this would be a {false} {film} for me, but sitting there I saw it would be a {true} {film} for "
            "me."]  # fmt: skip


def _negation(label, draw):
    true, false = _words(label, draw)
    return [f"I cannot agree with those who tell us it is {false} at heart; I do agree with those who tell us it is "
            f"{true} at heart."]  # fmt: skip


def _aspects(label, draw):
    true, false = _words(label, draw)
    first, second = draw.sample(ASPECTS, 2)
    # Which of the two counts stands far from what is said of it.
    said = [f"The {first} of it is {true} to me.", f"The {second} of it is {false} to me."]
    draw.shuffle(said)
    return [f"I judge a film by its {first} and by nothing else, and least of all by its {second}, as you know.", *said]


_HARD_KINDS = (_contrast, _expectation, _negation, _aspects)


def _filler(draw, sentences):
    """Return sentences that say nothing about the class."""
    kinds = (
        lambda: f"I watched it {draw.choice(PLACES)}.",
        lambda: f"In it {draw.choice(EVENTS)}.",
        lambda: f"It runs for {draw.randint(80, 190)} minutes.",
        lambda: f"{draw.choice(WHO).capitalize()} came along.",
        lambda: f"Later {draw.choice(EVENTS)}.",
    )
    return [draw.choice(kinds)() for _ in range(sentences)]
