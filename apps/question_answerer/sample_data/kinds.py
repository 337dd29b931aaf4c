"""The ten kinds of stories: a function each, which draws sentences, question, answer and supporting facts."""

import itertools

NAMES = "Ada Ben Cleo Dan Eva Finn Gita Hugo Ines Jon Kira Leo Mia Nils Olga Paul".split()
PLACES = (
    "kitchen garden attic cellar library office harbour market station school museum bakery "
    "chapel workshop stable tower courtyard orchard theatre laundry pantry balcony corridor barn"
).split()
OBJECTS = "apple hammer kite lamp letter spoon ticket violin".split()
BOXES = (
    "barrel basket bottle bowl box bucket cabinet cage case chest crate cup "
    "drawer envelope jar kettle mug pot pouch purse sack suitcase tin trunk"
).split()
TIMES = "Yesterday|In the morning|At noon|In the evening".split("|")
NUMBERS = "none one two three".split()
DIRECTIONS = {"north": (0, 1), "east": (1, 0), "south": (0, -1), "west": (-1, 0)}
_GROUPS = 4


def one_fact(draw, held_out):
    """Where is someone who went to several places?"""
    names, places = _world(draw, NAMES, PLACES, draw.randint(2, 4), 4, held_out)
    sentences, last = _walks(draw, names, places, draw.randint(2, 10))
    name = draw.choice(sorted(last))
    place, fact = last[name]
    return sentences, f"Where is {name}?", place, [fact]


def yes_no(draw, held_out):
    """Is someone in a place?"""
    names, places = _world(draw, NAMES, PLACES, draw.randint(2, 4), 4, held_out)
    sentences, last = _walks(draw, names, places, draw.randint(2, 10))
    name = draw.choice(sorted(last))
    place, fact = last[name]
    is_there = draw.random() < 0.5
    asked = place if is_there else draw.choice([each for each in places if each != place])
    return sentences, f"Is {name} in the {asked}?", "yes" if is_there else "no", [fact]


def indefinite(draw, held_out):
    """Is someone in a place, where some sentences leave it open?"""
    names, places = _world(draw, NAMES, PLACES, draw.randint(2, 4), 4, held_out)
    sentences, last = [], {}
    for fact in range(draw.randint(2, 8)):
        name, (one, other) = draw.choice(names), draw.sample(places, 2)
        is_open = draw.random() < 0.5
        last[name] = ((one, other) if is_open else (one,)), fact
        sentences.append(f"{name} is either in the {one} or the {other}." if is_open else _walk(draw, name, one))
    name = draw.choice(sorted(last))
    possible, fact = last[name]
    is_among = draw.random() < 0.6
    asked = draw.choice(possible if is_among else [each for each in places if each not in possible])
    answer = ("yes" if len(possible) == 1 else "maybe") if is_among else "no"
    return sentences, f"Is {name} in the {asked}?", answer, [fact]


def two_facts(draw, held_out):
    """Where is a thing that people carry around?"""
    while True:
        sentences, trails = _carried(draw, held_out, draw.randint(4, 12))
        known = sorted(trails)
        if known:
            thing = draw.choice(known)
            place, facts = trails[thing][-1]
            return sentences, f"Where is the {thing}?", place, sorted(set(facts))


def three_facts(draw, held_out):
    """Where was a thing before it was where it is now?"""
    while True:
        sentences, trails = _carried(draw, held_out, draw.randint(6, 16))
        known = sorted(thing for thing, trail in trails.items() if len(trail) > 1)
        if known:
            thing = draw.choice(known)
            (before, facts), (now, later) = trails[thing][-2:]
            return sentences, f"Where was the {thing} before the {now}?", before, sorted({*facts, *later})


def counting(draw, held_out):
    """How many things does someone carry?"""
    sentences, hands, facts = _exchanges(draw, held_out, 3)
    name = draw.choice(sorted(facts))
    return sentences, f"How many things is {name} carrying?", NUMBERS[len(hands[name])], facts[name]


def lists(draw, held_out):
    """Which things does someone carry?"""
    sentences, hands, facts = _exchanges(draw, held_out, 2)
    name = draw.choice(sorted(facts))
    return sentences, f"What is {name} carrying?", ",".join(sorted(hands[name])) or "nothing", facts[name]


def before_after(draw, held_out):
    """Where was someone before, or after, a place? The sentences are in any order."""
    names, places = _world(draw, NAMES, PLACES, 2, 4, held_out)
    visits = [(name, time, place) for name in names for time, place in enumerate(draw.sample(places, 4))]
    told = draw.sample(visits, 8)
    sentences = [f"{TIMES[time]} {_walk(draw, name, place)}" for name, time, place in told]
    name, first = draw.choice(names), draw.randrange(3)
    one, other = (next(each for each in visits if each[:2] == (name, time)) for time in (first, first + 1))
    facts = sorted([told.index(one), told.index(other)])
    if draw.random() < 0.5:
        return sentences, f"Where was {name} before the {other[2]}?", one[2], facts
    return sentences, f"Where was {name} after the {one[2]}?", other[2], facts


def path_finding(draw, held_out):
    """How does one go from a room to another over a third?"""
    rooms = _alternating(_world(draw, PLACES[:12], PLACES[12:], 3, 3, held_out), draw.randint(4, 6))
    at, doors = {rooms[0]: (0, 0)}, []
    for number, room in enumerate(rooms[1:], 1):
        others = [each for index, each in enumerate(rooms[:number]) if (number - index) % 2]
        while True:
            known, (direction, (x, y)) = draw.choice(others), draw.choice(list(DIRECTIONS.items()))
            spot = at[known][0] + x, at[known][1] + y
            if spot not in at.values():
                break
        at[room] = spot
        doors.append((room, direction, known))
    draw.shuffle(doors)
    opposite = {"north": "south", "south": "north", "east": "west", "west": "east"}
    steps = {}
    for fact, (room, direction, known) in enumerate(doors):
        steps[known, room], steps[room, known] = (direction, fact), (opposite[direction], fact)
    turned = [(known, opposite[way], room) if draw.random() < 0.5 else (room, way, known) for room, way, known in doors]
    sentences = [f"The {room} is {way} of the {known}." for room, way, known in turned]
    routes = [(a, b, c) for (a, b), (other, c) in itertools.product(steps, steps) if b == other and a != c]
    start, over, goal = draw.choice(routes)
    (first, fact), (second, other) = steps[start, over], steps[over, goal]
    return sentences, f"How do you go from the {start} to the {goal}?", f"{first},{second}", sorted([fact, other])


def size(draw, held_out):
    """Is one box larger than another, by way of a third?"""
    boxes = _alternating(_world(draw, BOXES[:12], BOXES[12:], 3, 3, held_out), draw.randint(4, 6))
    order = list(range(len(boxes) - 1))
    draw.shuffle(order)
    sentences = [_comparison(draw, boxes[index], boxes[index + 1]) for index in order]
    low = draw.randrange(len(boxes) - 2)
    high = min(low + draw.randint(2, 3), len(boxes) - 1)
    facts = sorted(order.index(index) for index in range(low, high))
    is_larger = draw.random() < 0.5
    one, other = (boxes[low], boxes[high]) if is_larger else (boxes[high], boxes[low])
    return sentences, f"Is the {one} larger than the {other}?", "yes" if is_larger else "no", facts


def _world(draw, firsts, seconds, first_count, second_count, held_out):
    """Draw from two lists, so that all pairs are pairs of training, or all are held out."""
    if held_out:
        groups = {draw.randrange(_GROUPS)}
        opposite = {-group % _GROUPS for group in groups}
    else:
        groups = set(draw.sample(range(_GROUPS), 2))
        opposite = {group for group in range(_GROUPS) if -group % _GROUPS not in groups}
    chosen = []
    for words, allowed, count in ((firsts, groups, first_count), (seconds, opposite, second_count)):
        chosen.append(draw.sample([word for index, word in enumerate(words) if index % _GROUPS in allowed], count))
    return chosen


def _alternating(world, count):
    """Return words of the two lists in turn, so that neighbours are a pair of the world."""
    return [word for pair in zip(*world, strict=True) for word in pair][:count]


def _walk(draw, name, place):
    return f"{name} {draw.choice(('went', 'walked', 'moved', 'hurried'))} to the {place}."


def _walks(draw, names, places, count):
    """Return sentences, and the last place of everyone with its fact."""
    sentences, last = [], {}
    for fact in range(count):
        name = draw.choice(names)
        place = draw.choice([each for each in places if each != last.get(name, (None,))[0]])
        last[name] = place, fact
        sentences.append(_walk(draw, name, place))
    return sentences, last


def _comparison(draw, large, small):
    return f"The {large} is larger than the {small}." if draw.random() < 0.5 else f"The {small} fits into the {large}."


def _carried(draw, held_out, count):
    """Return sentences, and for every thing the places where it was, each with its facts."""
    names, places = _world(draw, NAMES, PLACES, 2, 4, held_out)
    things = draw.sample(OBJECTS, 2)
    sentences, at, holder, trails = [], {}, {}, {}
    while len(sentences) < count:
        fact, name = len(sentences), draw.choice(names)
        here = at.get(name, (None, None))[0]
        held = [thing for thing in things if holder.get(thing, (None,))[0] == name]
        free = [thing for thing in things if thing not in holder and trails.get(thing, [(here,)])[-1][0] == here]
        action = draw.random()
        if here and free and action < 0.45:
            thing = draw.choice(free)
            holder[thing] = name, fact
            if thing not in trails:
                trails[thing] = [(here, (fact, at[name][1]))]
            sentences.append(f"{name} {draw.choice(('took', 'picked up', 'grabbed'))} the {thing}.")
        elif held and action < 0.55:
            thing = draw.choice(held)
            del holder[thing]
            sentences.append(f"{name} {draw.choice(('dropped', 'put down', 'left'))} the {thing}.")
        else:
            place = draw.choice([each for each in places if each != here])
            at[name] = place, fact
            for thing in held:
                trails[thing].append((place, (holder[thing][1], fact)))
            sentences.append(_walk(draw, name, place))
    return sentences, trails


def _exchanges(draw, held_out, most):
    """Return sentences, who holds what in the end, and the facts that matter for each, of those who were named."""
    names, places = _world(draw, NAMES, PLACES, draw.randint(2, 3), 4, held_out)
    things, hands, facts, sentences = draw.sample(OBJECTS, 4), {name: [] for name in names}, {}, []
    for fact in range(draw.randint(3, 11)):
        name, action = draw.choice(names), draw.random()
        free = [thing for thing in things if not any(thing in held for held in hands.values())]
        others = [each for each in names if each != name and len(hands[each]) < most]
        held, involved = hands[name], [name]
        if free and len(held) < most and action < 0.55:
            held.append(draw.choice(free))
            sentences.append(f"{name} {draw.choice(('took', 'picked up', 'grabbed'))} the {held[-1]}.")
        elif held and others and action < 0.75:
            other, thing = draw.choice(others), draw.choice(held)
            held.remove(thing)
            hands[other].append(thing)
            involved.append(other)
            sentences.append(f"{name} gave the {thing} to {other}.")
        elif held and action < 0.9:
            thing = draw.choice(held)
            held.remove(thing)
            sentences.append(f"{name} {draw.choice(('dropped', 'put down', 'left'))} the {thing}.")
        else:
            involved = []
            sentences.append(_walk(draw, name, draw.choice(places)))
        for each in involved:
            facts.setdefault(each, []).append(fact)
    return (sentences, hands, facts) if facts else _exchanges(draw, held_out, most)
