"""Generate labelled text messages that are about as hard to classify as real ones.

Each class has its own kinds of messages, and some kinds have a counterpart in the other class: a true and a false
parcel notice, a friend and an impostor, a shop with and without a subscription. A word, the shape of a number or an
address, or the order of words distinguishes them.
"""

import random
import re

NAMES = "Amy Ben Carla Dev Ella Farid Grace Hugo Ines Jack Kofi Lena Mia Nils Olga Priya Raj Sam Tess Umar".split()
PLACES = "station library gym office cinema park pub market harbour airport museum school".split()
THINGS = "charger umbrella jacket keys notebook guitar ladder tent bike camera drill cake".split()
MEALS = "pizza curry soup noodles tacos lasagne pancakes sushi chilli risotto".split()
SHOPS = "Northway Bluebird Marlow Kestrel Pinehurst Castello Harper Solent".split()
GOODS = "phone tablet laptop console watch voucher cruise weekend headset scooter".split()
BANKS = "Albion Meridian Crown Union Harbour".split()

HAM = (
    "{hey} {name}, are we still on for {meal} at {hour}?",
    "{hey} running late, be at the {place} in {few} min {smile}",
    "can u bring the {thing} tomorrow? i left mine at the {place}",
    "Did you get my email about the {thing}? No rush",
    "happy birthday {name}!! have a great day {smile}",
    "ok {smile} see u at {hour} then",
    "I'm at the {place}, can't talk. Call you after {hour}",
    "{name} says the {thing} is free to whoever collects it, want it?",
    "we won!! {few}-{digit}, should have seen {name}'s goal {smile}",
    "Thanks for the {meal} last night, it was lovely. x",
    "{hey} my new number is {mobile}, its {name} from the {place}",
    "mum the train is delayed, text me when u r at the {place}",
    "I owe you {money} for the {meal}, will transfer tonight",
    "Do you know a cheap place for a {thing}? saw one for {money} but not sure",
    "The meeting moves to {hour}, room {few}. Please tell {name}",
    "urgent!! did i leave my {thing} in your car??",
    "call me on {mobile} when you land, {name} is picking you up",
    "lol no way. {name} really said that? {smile}",
    "Your appointment at the {place} clinic is on the {day} at {hour}. Reply C to cancel",
    "{shop}: your order {code} is ready to collect at the {place} until the {day}",
    "{shop} parcels: your parcel {code} comes on the {day} between {hour} and {hour}. Nothing to pay",
    "{bank} Bank: {money} paid to {name} on the {day}. If this was not you call the number on your card",
    "{digit}{digit}{digit}{digit}{digit}{digit} is your {shop} code. We never ask you for it",
    "Members of {shop}: the {thing} sale starts on the {day}. You get this because you asked us to",
    "found a link for the {thing} {name} wants {site} what do you think?",
    "free on the {day}? {name} has won two tickets for the cinema and cant go",
)

SPAM = (
    "{win} You have won a {goods}! Call {premium} now to claim. {terms}",
    "{win} Your number was drawn for {prize} cash. Txt {word} to {short}. {terms}",
    "FREE {goods} for you! Reply {word} to {short} or go to {bad_site}. {terms}",
    "{hey} its {name}, met u at the {place}? txt me back on {premium} {smile}",
    "hi mum i dropped my phone, this is my new number. can u send {money} to {name} today? its urgent",
    "{shop} parcels: your parcel {code} could not be delivered. Pay {money} at {bad_site} by the {day}",
    "{bank} Bank: a payment of {money} was stopped. Confirm who you are at {bad_site} or your card is closed",
    "Last notice: you are owed a refund of {money}. Claim before the {day}: {bad_site}",
    "Loans up to {prize}, no checks, paid in {few} min. Call {premium}",
    "Earn {money} a day from home, {few} places left. Message {name} on {premium}",
    "Sexy singles near the {place} want to chat. Txt {word} to {short}, {cheap}/msg",
    "U have {few} new voicemails. Call {premium} to listen. {terms}",
    "Your {goods} contract ends on the {day}. Upgrade for nothing, call {premium}",
    "{shop}: your order {code} was cancelled. For your {money} back log in at {bad_site}",
    "This is {shop} rewards, you were chosen for a {goods}. Only {few} left: {bad_site}",
    "{name} sent you a private picture! See it at {bad_site} {cheap}/view",
    "Double your coins in {few} days, guaranteed. {name} made {prize}. {bad_site}",
    "Your {shop} code is {digit}{digit}{digit}{digit}{digit}{digit}. Not you? Call {premium} and read it to us",
    "No more debt! Write off {prize} under a new law, reply {word} or call {premium}",
    "Members of {shop}: your {goods} waits. Collect before the {day} with {word} to {short}. {terms}",
    "found a link with a photo of you {bad_site} is that really u {smile}",
    "free on the {day}? Win two tickets, just answer {word} to {short}. {cheap} a text",
)


def make_messages(count=1200, spam_fraction=0.25, seed=7):
    """Yield (row, label, text) with label `ham` or `spam`, always the same for the same arguments.

    About one message in eighty has the wrong label, as in data that people labelled.
    """
    generator = random.Random(seed)
    for row in range(1, count + 1):
        spam = generator.random() < spam_fraction
        text = _roughen(_fill(generator.choice(SPAM if spam else HAM), generator), spam, generator)
        mislabelled = generator.random() < 1 / 80
        yield row, "spam" if spam != mislabelled else "ham", text


def _fill(template, generator):
    return re.sub(r"\{(\w+)\}", lambda slot: _SLOTS[slot[1]](generator), template)


def _roughen(text, spam, generator):
    """Add misspellings, and in spam obfuscated words."""
    words = text.split(" ")
    for at, word in enumerate(words):
        if generator.random() < 0.04 and len(word) > 3 and word.isalpha():
            cut = generator.randrange(1, len(word) - 1)
            words[at] = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
        elif spam and generator.random() < 0.08 and word.isalpha():
            words[at] = word.translate(str.maketrans("aeios", "43105"))
    text = " ".join(words)
    return generator.choice((text, text, text, text.lower(), text.lower(), text.upper() if spam else text))


def _site(generator):
    return f"www.{generator.choice(SHOPS).lower()}.example/{generator.choice(THINGS)}"


def _bad_site(generator):
    shop, good = generator.choice(SHOPS).lower(), generator.choice(GOODS)
    return generator.choice(
        (
            f"http://{shop}-{good}.example",
            f"www.{good}4u.example/{generator.randint(100, 999)}",
            f"{shop}.example.{good}.example",
        )
    )


def _digits(count):
    return lambda generator: "".join(generator.choice("0123456789") for _ in range(count))


def _among(*choices):
    return lambda generator: generator.choice(choices)


_SLOTS = {
    "bad_site": _bad_site,
    "bank": _among(*BANKS),
    "cheap": _among("150p", "£1.50", "50p", "£3"),
    "code": lambda generator: (
        f"{generator.choice('ABCDEFGH')}{generator.choice('JKLMNP')}{generator.randint(1000, 9999)}"
    ),
    "day": lambda generator: f"{generator.randint(4, 20)}th",
    "digit": _digits(1),
    "few": lambda generator: str(generator.randint(2, 30)),
    "goods": _among(*GOODS),
    "hey": _among("Hey", "hi", "Hiya", "yo", "Hello", "hey"),
    "hour": lambda generator: (
        f"{generator.randint(1, 12)}{generator.choice(('', ':15', ':30', ':45'))}{generator.choice(('', 'pm', ' pm'))}"
    ),
    "meal": _among(*MEALS),
    "mobile": lambda generator: f"07{_digits(9)(generator)}",
    "money": lambda generator: f"£{generator.randint(2, 250)}{generator.choice(('', '.50', '.99'))}",
    "name": _among(*NAMES),
    "place": _among(*PLACES),
    "premium": lambda generator: generator.choice(("09", "0871", "07")) + _digits(9)(generator),
    "prize": lambda generator: f"£{generator.choice((500, 1000, 2000, 5000, 10000))}",
    "shop": _among(*SHOPS),
    "short": _digits(5),
    "site": _site,
    "smile": _among("", "", ":)", "x", "xx", "!", "lol"),
    "terms": _among("", "T&Cs apply", "18+ only", "To stop text STOP", "Valid 12hrs only"),
    "thing": _among(*THINGS),
    "win": _among("WINNER!!", "Congratulations!", "URGENT!", "Good news:", "Dear customer,", "final call:"),
    "word": _among("WIN", "YES", "CLAIM", "GO", "CASH", "PRIZE"),
}
