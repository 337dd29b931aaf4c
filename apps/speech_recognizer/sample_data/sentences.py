"""A small grammar of commands, numbers, dates, times, and sentences with words that sound alike.

Only the words around them say whether `right` or `write` was spoken; no two sentences of the grammar sound alike.
"""

import re

import numpy as np

from .articulation import PAUSE
from .lexicon import CONFUSABLE, LEXICON

__all__ = ["CONFUSABLE", "LEXICON", "make_sentence", "make_texts", "phonemes_of"]

UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
UNITS += "seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
MONTHS = "january february march april may june july august september october november december".split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()

# Choices for a name in braces in a template; `_RULES` has those that are made by a function.
SLOTS = {
    "day": DAYS,
    "month": MONTHS,
    "side": ["left", "right"],
    "on": ["on", "off"],
    "direction": ["left", "right", "back", "down", "up", "home"],
    "thing": "book box bag letter key light table boat car ship house".split(),
    "fitting": "door window box bag book shop".split(),
    "room": "kitchen garden house shop station street".split(),
    "person": "mother brother sister son teacher doctor".split(),
    "somebody": "boy girl man teacher doctor".split(),
    "who": ["i", "you", "we", "they"],
    "he": ["he", "she"],
    "my": ["my", "your", "our"],
    "food": "bread cheese meat milk water coffee".split(),
    "eaten": "bread cheese meat".split(),
    "object": ["the {thing}", "the {colour} {thing}", "the {size} {thing}", "{my} {thing}", "{my} {colour} {thing}"],
    "subject": ["{my} {person}", "the {somebody}", "the {age} {somebody}"],
    "age": ["old", "young"],
    "colour": ["red", "green", "yellow"],
    "size": ["large", "small", "new", "old"],
    "quality": ["very cold", "too cold", "old", "young", "too long", "very good"],
    "nature": ["sun", "sea", "wind", "rain"],
    "when": ["today", "tomorrow", "again", "on {day}", "this week", "at {hour}"],
    "then": ["yesterday", "on {day}", "this week", "at {hour}"],
    "place": ["by the sea", "in the {room}", "by the {fitting}", "at the station", "in our street"],
    "span": ["one hour", "an hour", "half an hour", "one week", "{few} minutes", "a minute"],
    "few": ["two", "three", "four", "five", "eight", "ten"],
}

# Weight, and templates, of each kind of sentence.
TEMPLATES = {
    "command": (
        6,
        """
        stop | go {direction} | turn {side} | turn {side} at the {room} | please turn {side} | write it down
        write {my} name | write a letter to {subject} | write the number {number} | open the {fitting} {when}
        close the {fitting} | please shut the {fitting} | open the {colour} {fitting} | turn the light {on}
        turn {on} the {colour} light | turn {on} the music | play the music again | start again | please wait
        wait for me | wait for the bus | wait for {span} | wait here | come here | please come here {when}
        come back {when} | call {my} {person} {when} | call the doctor | send it to {subject}
        send the letter to the {somebody} | bring me {object} | bring {object} to the {room}
        take {object} | take the bus to the {room} {when} | take the train to the sea | go to the {room}
        show me the way to the {room} | buy {food} for {my} {person} | buy the {eaten} and the milk | help me
        watch the game | meet me {place} | meet {subject} {when} | close your book
        """,
    ),
    "number": (4, "{number} | {number} | number {number}"),
    "date": (
        3,
        """
        the {ordinal} of {month} | on the {ordinal} of {month} | {month} the {ordinal} | {day} the {ordinal} of {month}
        on {day} | on {day} the {ordinal}
        """,
    ),
    "time": (
        3,
        """
        at {hour} o'clock | it's {hour} o'clock | half past {hour} | at half past {hour} | it's {minutes} past {hour}
        {minutes} to {hour} | it's a quarter to {hour} | a quarter past {hour} | at {minutes} past {hour}
        on {day} at {hour} | {day} at half past {hour}
        """,
    ),
    "statement": (
        9,
        """
        {who} know the way | {who} know {subject} | do you know the {somebody} | {he} knew the way home
        {who} knew {my} name | {who} hear the {nature} | {who} hear {subject} {place} | can you hear the music
        can you hear me | {who} see the {nature} | can you see {object} | {who} see {subject} {place}
        {who} read the book {then} | {he} read {my} letter | {subject} ate the {eaten} {then} | {who} ate {eaten}
        {who} ate at {hour} | {subject} won the game | {who} won the race {then} | {he} was here {then}
        {subject} is here {when} | {object} is here | {object} is red | {object} was new
        it's too cold today | the {nature} is too cold | {object} is too {heavy} | {subject} was weak
        {subject} is weak {when} | {he} was very weak {then} | {who} need {few} {colour} books
        {who} need {food} for the week | {who} buy {food} {when} | {he} can buy {object}
        {object} is {place} | {object} was {place} {then} | {my} house is by the sea
        the sun is {quality} | {my} son is {quality} | {subject} is {quality} | this is {subject}
        this is {object} | where is {subject} | where is {object} | what is the time
        is this {object} | {who} can meet {place} | we meet {when} | they need one hour | {who} need {span}
        {few} books and one letter | no {food} {when} | no | no thank you | yes please | no that is {object}
        yes you can | no it's on the left | that is right
        you can turn right here | this way is the right way | thank you
        {he} can write very good music | can you write it down | they can wait for {span}
        """,
    ),
}


def make_sentence(generator):
    """Make a sentence of one to eight words.

    Args:
        generator: NumPy generator.

    Returns:
        Lower-case words with spaces between.
    """
    while True:
        text = _fill(_TEMPLATES[generator.choice(len(_TEMPLATES), p=_WEIGHTS)], generator)
        if len(text.split()) <= 8:
            return text


def make_texts(count, seed=0):
    """Yield many sentences, to train a language model; the same for the same arguments."""
    generator = np.random.default_rng([seed, 1])
    for _ in range(count):
        yield make_sentence(generator)


def phonemes_of(text):
    """Return the phonemes of a text, a list with `|` between words."""
    found = []
    for word in text.split():
        found += [PAUSE, *LEXICON[word]]
    return found[1:]


def _number(generator):
    """Return a number up to 9,999 in words, small ones more often."""
    digits = generator.choice([1, 2, 3, 4], p=[0.2, 0.35, 0.35, 0.1])
    return _in_words(int(generator.integers(10 ** (digits - 1) if digits > 1 else 0, 10**digits)))


def _in_words(number):
    if number < 20:
        return UNITS[number]
    if number < 100:
        return f"{TENS[number // 10 - 2]} {UNITS[number % 10]}" if number % 10 else TENS[number // 10 - 2]
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    words, rest = f"{_in_words(number // size)} {name}", number % size
    if rest:
        words += (" and " if rest < 100 else " ") + _in_words(rest)
    return words


def _ordinal(generator):
    number = generator.integers(1, 32)
    # Those that end with -teenth or -tieth are left out, to keep the lexicon short.
    return ORDINALS[number - 1] if number <= 12 else f"twenty {ORDINALS[(number - 1) % 9]}"


_RULES = {
    "number": _number,
    "ordinal": _ordinal,
    "hour": lambda generator: generator.choice(UNITS[1:13]),
    "minutes": lambda generator: generator.choice(["five", "ten", "twenty", "twenty five"]),
    "heavy": lambda generator: generator.choice(["large", "small", "long", "cold", "old"]),
}


def _fill(template, generator):
    def value(match):
        name = match[1]
        return str(_RULES[name](generator) if name in _RULES else _fill(generator.choice(SLOTS[name]), generator))

    return re.sub(r"\{(\w+)\}", value, template)


def _templates():
    found, weights = [], []
    for weight, text in TEMPLATES.values():
        each = [part.strip() for part in re.split(r"\||\n", text) if part.strip()]
        found += each
        # Templates with more slots are used more often, so that fewer sentences are said twice.
        shares = np.array([1 + 2 * part.count("{") for part in each])
        weights += list(weight * shares / shares.sum())
    return found, np.array(weights) / sum(weights)


_TEMPLATES, _WEIGHTS = _templates()
