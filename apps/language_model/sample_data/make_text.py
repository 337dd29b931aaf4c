"""Generate a text whose words depend on words many sentences before, which a model with memory can predict.

Each paragraph is a scene: people with a name, a sex, a trade and a thing of their own meet at a place; later sentences
name the thing, the place or the trade again, use the right pronoun, count what was counted, and close every quotation.
Within five characters, or five words, little of that can be seen.
"""

import random

WOMEN = "Ada Berta Clara Dora Edith Flora Greta Hanna Ilse Judith Klara Lotte Martha Nora Olga Paula".split()
MEN = "Albert Bruno Conrad David Emil Felix Georg Hugo Isaac Jakob Karl Ludwig Moritz Otto Peter Robert".split()
TRADES = {
    "baker": ("bread", "oven", "kneads the dough"),
    "smith": ("hammer", "anvil", "works the iron"),
    "fisher": ("net", "boat", "waits for the tide"),
    "tailor": ("needle", "cloth", "measures the sleeves"),
    "miller": ("flour", "wheel", "listens to the water"),
    "gardener": ("spade", "seedling", "turns the soil"),
    "printer": ("type", "press", "mixes the ink"),
    "beekeeper": ("honey", "hive", "watches the swarm"),
    "carpenter": ("plane", "bench", "smooths the board"),
    "clockmaker": ("spring", "pendulum", "winds the clocks"),
}
PLACES = "harbour market bridge orchard mill chapel tavern square lighthouse school garden station".split()
WEATHER = "The rain has stopped|A cold wind blows|The sun is low|Snow lies on the roofs|The fog is thick".split("|")
MOODS = "glad tired angry proud worried hungry silent curious".split()
NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()
OPENINGS = (
    "{weather} at the {place}. {name}, the {trade}, comes from the {other_place} and brings the {thing}.",
    "At the {place} {name} the {trade} meets {friend} the {friend_trade}. {weather}.",
    "{name} is a {trade} and {friend} is a {friend_trade}. {weather}, and both wait at the {place}.",
    "Long before dawn the {trade} {name} walks to the {place}, for {friend} the {friend_trade} wants to see {her}.",
)
MIDDLES = (
    "{She} {habit}, as every {trade} does.",
    '"Is this your {thing}?" asks {friend}. "It is the {thing} of a {trade}," says {name}, "so it is mine."',
    '{friend} is {mood}. "I have never been so {mood}," {friend_she} says, and looks at {her} with the {friend_thing}.',
    "{friend} {friend_habit}, while {name} holds the {thing}.",
    "{She} counts to {number}: {counted}.",
    '"Nobody at the {place} knows a better {friend_trade} than you, {friend}," says {name}.',
    "The {tool} stands where {name} left it, beside the {friend_tool} of {friend}.",
    "{friend} gives {her} {number} coins, and {she} gives {number_less} back.",
    '{name} asks for the {friend_thing}. "A {friend_trade} needs the {friend_thing}," says {friend}, "but take it."',
    "If the {thing} breaks, {name} must find another before {friend} sees it.",
)
ENDINGS = (
    "So {name} goes home from the {place} with the {thing}, and {friend} keeps the {friend_thing}.",
    "In the evening the {trade} and the {friend_trade} leave the {place} together.",
    "{friend} remembers the {place} and the {trade} who was called {name}.",
    'When it is dark {she} says: "Good night, {friend}." And {friend_she} says: "Good night, {name}."',
)


def make_text(count=900, seed=0):
    """Return a text of `count` paragraphs with empty lines between, always the same for the same arguments."""
    draw = random.Random(seed)
    return "\n\n".join(_scene(draw) for _ in range(count)) + "\n"


def _scene(draw):
    slots = {"weather": draw.choice(WEATHER), "mood": draw.choice(MOODS)}
    slots["place"], slots["other_place"] = draw.sample(PLACES, 2)
    slots["trade"], slots["friend_trade"] = draw.sample(list(TRADES), 2)
    slots |= _person(draw, slots["trade"], "") | _person(draw, slots["friend_trade"], "friend_")
    while slots["friend_name"] == slots["name"]:
        slots |= _person(draw, slots["friend_trade"], "friend_")
    slots["friend"] = slots["friend_name"]
    number = draw.randrange(2, len(NUMBERS))
    slots |= {
        "number": NUMBERS[number],
        "number_less": NUMBERS[number - 2],
        "counted": ", ".join(NUMBERS[: number + 1]),
    }
    middles = draw.sample(MIDDLES, draw.randint(2, 5))
    sentences = [draw.choice(OPENINGS), *middles, draw.choice(ENDINGS)]
    return " ".join(sentence.format(**slots) for sentence in sentences)


def _person(draw, trade, prefix):
    woman = draw.random() < 0.5
    thing, tool, habit = TRADES[trade]
    she, her = ("she", "her") if woman else ("he", "him")
    found = {"name": draw.choice(WOMEN if woman else MEN), "thing": thing, "tool": tool, "habit": habit}
    found |= {"she": she, "her": her, "She": she.capitalize()}
    return {prefix + name: value for name, value in found.items()}
