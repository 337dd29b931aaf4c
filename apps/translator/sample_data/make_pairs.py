"""Generate English sentences and their German translations with one grammar of both languages.

Word-for-word translation fails: articles, adjectives and pronouns agree with the gender of German nouns; objects and
subjects have different forms; participles and infinitives are last; a time at the start swaps subject and verb; numbers
put ones before tens; and half past four is half five.
"""

import random

# English: German, gender.
PEOPLE = {
    "man": ("Mann", "m"),
    "woman": ("Frau", "f"),
    "girl": ("Mädchen", "n"),
    "child": ("Kind", "n"),
    "uncle": ("Onkel", "m"),
    "aunt": ("Tante", "f"),
    "baker": ("Bäcker", "m"),
    "teacher": ("Lehrerin", "f"),
    "gardener": ("Gärtner", "m"),
    "queen": ("Königin", "f"),
}
# English: its plural, German, gender, its plural.
THINGS = {
    "apple": ("apples", "Apfel", "m", "Äpfel"),
    "book": ("books", "Buch", "n", "Bücher"),
    "lamp": ("lamps", "Lampe", "f", "Lampen"),
    "letter": ("letters", "Brief", "m", "Briefe"),
    "chair": ("chairs", "Stuhl", "m", "Stühle"),
    "picture": ("pictures", "Bild", "n", "Bilder"),
    "cup": ("cups", "Tasse", "f", "Tassen"),
    "key": ("keys", "Schlüssel", "m", "Schlüssel"),
    "boat": ("boats", "Boot", "n", "Boote"),
    "flower": ("flowers", "Blume", "f", "Blumen"),
    "shirt": ("shirts", "Hemd", "n", "Hemden"),
    "coat": ("coats", "Mantel", "m", "Mäntel"),
    "clock": ("clocks", "Uhr", "f", "Uhren"),
    "bicycle": ("bicycles", "Fahrrad", "n", "Fahrräder"),
}
ADJECTIVES = {
    "old": "alt",
    "new": "neu",
    "small": "klein",
    "red": "rot",
    "green": "grün",
    "beautiful": "schön",
    "cheap": "billig",
    "heavy": "schwer",
    "young": "jung",
    "strange": "seltsam",
}
OF_PEOPLE = "old new small beautiful young strange".split()
OF_THINGS = "old new small beautiful strange red green cheap heavy".split()
# English infinitive: its past, German infinitive, participle.
VERBS = {
    "buy": ("bought", "kaufen", "gekauft"),
    "find": ("found", "finden", "gefunden"),
    "see": ("saw", "sehen", "gesehen"),
    "bring": ("brought", "bringen", "gebracht"),
    "sell": ("sold", "verkaufen", "verkauft"),
    "paint": ("painted", "malen", "gemalt"),
    "repair": ("repaired", "reparieren", "repariert"),
    "lose": ("lost", "verlieren", "verloren"),
}
MODALS = {"wants to": "will", "must": "muss", "can": "kann"}
TIMES = {"Yesterday": "Gestern", "In the morning": "Am Morgen", "Last week": "Letzte Woche", "Twice": "Zweimal"}
CITIES = {"Cologne": "Köln", "Munich": "München", "Vienna": "Wien", "Zurich": "Zürich", "Hanover": "Hannover"}
MONTHS = {
    "January": "Januar",
    "February": "Februar",
    "March": "März",
    "April": "April",
    "May": "Mai",
    "June": "Juni",
    "July": "Juli",
    "August": "August",
    "September": "September",
    "October": "Oktober",
    "November": "November",
    "December": "Dezember",
}
ONES = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
ONES += "seventeen eighteen nineteen".split()
EINS = "ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn".split()
EINS += "siebzehn achtzehn neunzehn".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ZEHNER = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()

CLOCK = {"half past": "halb {later}", "ten past": "zehn nach {hour}", "a quarter to": "Viertel vor {hour}"}
ARTICLES = {
    "the": {"subject": {"m": "der", "f": "die", "n": "das"}, "object": {"m": "den", "f": "die", "n": "das"}},
    "a": {"subject": {"m": "ein", "f": "eine", "n": "ein"}, "object": {"m": "einen", "f": "eine", "n": "ein"}},
    "no": {"subject": {"m": "kein", "f": "keine", "n": "kein"}, "object": {"m": "keinen", "f": "keine", "n": "kein"}},
}
PRONOUNS = {"m": "er", "f": "sie", "n": "es"}


def make_pairs(count=4000, seed=0):
    """Return a list of `count` different pairs (English, German)."""
    draw = random.Random(seed)
    found = {}
    while len(found) < count:
        english, german = draw.choice(SENTENCES)(draw)
        found[_sentence(english)] = _sentence(german)
    return list(found.items())


def number_words(number):
    """Return a number from 1 to 99 in words, (English, German)."""
    if number < 20:
        return ONES[number - 1], EINS[number - 1]
    tens, ones = number // 10 - 2, number % 10
    if not ones:
        return TENS[tens], ZEHNER[tens]
    return f"{TENS[tens]}-{ONES[ones - 1]}", f"{EINS[ones - 1]}und{ZEHNER[tens]}"


def _sentence(words):
    text = words if words[-1] in ".?" else f"{words}."
    return text[0].upper() + text[1:]


def _ending(article, case, gender):
    if article == "the":
        return "en" if case == "object" and gender == "m" else "e"
    return {"m": "en" if case == "object" else "er", "f": "e", "n": "es"}[gender]


def _phrase(draw, article, case, english, german, gender):
    """Return a noun with its article and, with probability 1/2, an adjective."""
    german_article = ARTICLES[article][case][gender]
    if draw.random() < 0.5:
        return f"{_article(article, english)}{english}", f"{german_article} {german}"
    adjective = draw.choice(OF_PEOPLE if english in PEOPLE else OF_THINGS)
    german_adjective = ADJECTIVES[adjective] + _ending(article, case, gender)
    return f"{_article(article, adjective)}{adjective} {english}", f"{german_article} {german_adjective} {german}"


def _article(article, word):
    if article == "no":
        return ""
    return "an " if article == "a" and word[0] in "aeiou" else f"{article} "


def _subject(draw, article=None):
    person = draw.choice(list(PEOPLE))
    return _phrase(draw, article or draw.choice(["the", "a"]), "subject", person, *PEOPLE[person])


def _one_thing(draw, article, case="object"):
    thing = draw.choice(list(THINGS))
    _, german, gender, _ = THINGS[thing]
    return *_phrase(draw, article, case, thing, german, gender), gender


def _some_things(draw):
    english, _, _, german = THINGS[draw.choice(list(THINGS))]
    count, anzahl = number_words(draw.randint(2, 99))
    if draw.random() < 0.5:
        return f"{count} {english}", f"{anzahl} {german}"
    adjective = draw.choice(OF_THINGS)
    return f"{count} {adjective} {english}", f"{anzahl} {ADJECTIVES[adjective]}e {german}"


def _object(draw):
    return _some_things(draw) if draw.random() < 0.4 else _one_thing(draw, draw.choice(["the", "a"]))[:2]


def _date(draw):
    day, month = draw.randint(1, 28), draw.choice(list(MONTHS))
    year = f" {draw.randint(1950, 2030)}" if draw.random() < 0.5 else ""
    return f"on {day} {month}{year}", f"am {day}. {MONTHS[month]}{year}"


def _past_with_date(draw):
    (who, wer), (what, was), (when, wann) = _subject(draw), _object(draw), _date(draw)
    past, _, participle = draw.choice(list(VERBS.values()))
    return f"{who} {past} {what} {when}", f"{wer} hat {wann} {was} {participle}"


def _time_first(draw):
    (who, wer), (what, was) = _subject(draw), _object(draw)
    when = draw.choice(list(TIMES))
    past, _, participle = draw.choice(list(VERBS.values()))
    return f"{when} {who} {past} {what}", f"{TIMES[when]} hat {wer} {was} {participle}"


def _question(draw):
    (who, wer), (what, was) = _subject(draw, "the"), _object(draw)
    verb = draw.choice(list(VERBS))
    return f"did {who} {verb} {what}?", f"hat {wer} {was} {VERBS[verb][2]}?"


def _negation(draw):
    (who, wer), (what, was, _) = _subject(draw), _one_thing(draw, "no")
    verb = draw.choice(list(VERBS))
    return f"{who} did not {verb} {_article('a', what)}{what}", f"{wer} hat {was} {VERBS[verb][2]}"


def _subordinate(draw):
    (who, wer), (what, was), (knower, kenner) = _subject(draw), _object(draw), _subject(draw, "the")
    verb, modal = draw.choice(list(VERBS)), draw.choice(list(MODALS))
    return (
        f"{knower} knows that {who} {modal} {verb} {what}",
        f"{kenner} weiß, dass {wer} {was} {VERBS[verb][1]} {MODALS[modal]}",
    )


def _because(draw):
    (who, wer), (what, was, gender) = _subject(draw), _one_thing(draw, "the")
    verb, adjective = draw.choice(list(VERBS)), draw.choice(OF_THINGS)
    past, _, participle = VERBS[verb]
    return (
        f"{who} {past} {what} because it is too {adjective}",
        f"{wer} hat {was} {participle}, weil {PRONOUNS[gender]} zu {ADJECTIVES[adjective]} ist",
    )


def _train(draw):
    city, hour, minutes = draw.choice(list(CITIES)), draw.randint(1, 12), draw.choice(list(CLOCK))
    later = hour % 12 + 1
    clock = CLOCK[minutes].format(hour=_hour(hour), later=_hour(later))
    when, wann = _date(draw)
    return (
        f"the train to {city} leaves at {minutes} {ONES[hour - 1]} {when}",
        f"der Zug nach {CITIES[city]} fährt {wann} um {clock} ab",
    )


def _hour(hour):
    return "eins" if hour == 1 else EINS[hour - 1]


def _price(draw):
    what, was, _ = _one_thing(draw, draw.choice(["the", "a"]), "subject")
    euros = draw.randint(2, 990)
    return f"{what} costs {euros} euros", f"{was} kostet {euros} Euro"


SENTENCES = (
    _past_with_date,
    _time_first,
    _question,
    _negation,
    _subordinate,
    _because,
    _train,
    _price,
)
