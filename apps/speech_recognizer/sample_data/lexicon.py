"""The words of the sample and their phonemes. Digits mark the stress of vowels."""

# Words of one line sound alike.
ALIKE = """
right write: R AY1 T
to too two: T UW1
for four: F AO1 R
ate eight: EY1 T
hear here: HH IY1 R
read red: R EH1 D
know no: N OW1
buy by: B AY1
sea see: S IY1
weak week: W IY1 K
hour our: AW1 ER0
one won: W AH1 N
son sun: S AH1 N
meat meet: M IY1 T
knew new: N UW1
"""

PLAIN = """
a: AH0
again: AH0 G EH1 N
an: AE1 N
and: AH0 N D
april: EY1 P R AH0 L
at: AE1 T
august: AO1 G AH0 S T
back: B AE1 K
bag: B AE1 G
boat: B OW1 T
book: B UH1 K
books: B UH1 K S
box: B AA1 K S
boy: B OY1
bread: B R EH1 D
bring: B R IH1 NG
brother: B R AH1 DH ER0
bus: B AH1 S
call: K AO1 L
can: K AE1 N
car: K AA1 R
cheese: CH IY1 Z
close: K L OW1 Z
coffee: K AO1 F IY0
cold: K OW1 L D
come: K AH1 M
december: D IH0 S EH1 M B ER0
do: D UW1
doctor: D AA1 K T ER0
door: D AO1 R
down: D AW1 N
eighteen: EY0 T IY1 N
eighth: EY1 T TH
eighty: EY1 T IY0
eleven: AH0 L EH1 V AH0 N
eleventh: AH0 L EH1 V AH0 N TH
february: F EH1 B R UW0 EH0 R IY0
fifteen: F IH0 F T IY1 N
fifth: F IH1 F TH
fifty: F IH1 F T IY0
first: F ER1 S T
five: F AY1 V
forty: F AO1 R T IY0
fourteen: F AO0 R T IY1 N
fourth: F AO1 R TH
friday: F R AY1 D EY0
game: G EY1 M
garden: G AA1 R D AH0 N
girl: G ER1 L
go: G OW1
good: G UH1 D
green: G R IY1 N
half: HH AE1 F
he: HH IY1
help: HH EH1 L P
home: HH OW1 M
house: HH AW1 S
hundred: HH AH1 N D R AH0 D
i: AY1
in: IH1 N
is: IH1 Z
it: IH1 T
it's: IH1 T S
january: JH AE1 N Y UW0 EH0 R IY0
july: JH UH0 L AY1
june: JH UW1 N
key: K IY1
kitchen: K IH1 CH AH0 N
large: L AA1 R JH
left: L EH1 F T
letter: L EH1 T ER0
light: L AY1 T
long: L AO1 NG
man: M AE1 N
march: M AA1 R CH
may: M EY1
me: M IY1
milk: M IH1 L K
minute: M IH1 N AH0 T
minutes: M IH1 N AH0 T S
monday: M AH1 N D EY0
mother: M AH1 DH ER0
music: M Y UW1 Z IH0 K
my: M AY1
name: N EY1 M
need: N IY1 D
nine: N AY1 N
nineteen: N AY0 N T IY1 N
ninety: N AY1 N T IY0
ninth: N AY1 N TH
november: N OW0 V EH1 M B ER0
number: N AH1 M B ER0
o'clock: AH0 K L AA1 K
october: AA0 K T OW1 B ER0
of: AH0 V
off: AO1 F
old: OW1 L D
on: AA1 N
open: OW1 P AH0 N
past: P AE1 S T
play: P L EY1
please: P L IY1 Z
quarter: K W AO1 R T ER0
race: R EY1 S
rain: R EY1 N
saturday: S AE1 T ER0 D EY0
second: S EH1 K AH0 N D
send: S EH1 N D
september: S EH0 P T EH1 M B ER0
seven: S EH1 V AH0 N
seventeen: S EH1 V AH0 N T IY1 N
seventh: S EH1 V AH0 N TH
seventy: S EH1 V AH0 N T IY0
she: SH IY1
ship: SH IH1 P
shop: SH AA1 P
show: SH OW1
shut: SH AH1 T
sister: S IH1 S T ER0
six: S IH1 K S
sixteen: S IH0 K S T IY1 N
sixth: S IH1 K S TH
sixty: S IH1 K S T IY0
small: S M AO1 L
start: S T AA1 R T
station: S T EY1 SH AH0 N
stop: S T AA1 P
street: S T R IY1 T
sunday: S AH1 N D EY0
table: T EY1 B AH0 L
take: T EY1 K
teacher: T IY1 CH ER0
ten: T EH1 N
tenth: T EH1 N TH
thank: TH AE1 NG K
that: DH AE1 T
the: DH AH0
they: DH EY1
third: TH ER1 D
thirteen: TH ER0 T IY1 N
thirty: TH ER1 T IY0
this: DH IH1 S
thousand: TH AW1 Z AH0 N D
three: TH R IY1
thursday: TH ER1 Z D EY0
time: T AY1 M
today: T AH0 D EY1
tomorrow: T AH0 M AA1 R OW0
train: T R EY1 N
tuesday: T UW1 Z D EY0
turn: T ER1 N
twelfth: T W EH1 L F TH
twelve: T W EH1 L V
twenty: T W EH1 N T IY0
up: AH1 P
very: V EH1 R IY0
wait: W EY1 T
was: W AH1 Z
watch: W AA1 CH
water: W AO1 T ER0
way: W EY1
we: W IY1
wednesday: W EH1 N Z D EY0
what: W AH1 T
where: W EH1 R
wind: W IH1 N D
window: W IH1 N D OW0
yellow: Y EH1 L OW0
yes: Y EH1 S
yesterday: Y EH1 S T ER0 D EY0
you: Y UW1
young: Y AH1 NG
your: Y AO1 R
zero: Z IH1 R OW0
"""


def _entries(text):
    lines = [line.split(": ") for line in text.strip().splitlines()]
    return [(words.split(), phonemes.split()) for words, phonemes in lines]


CONFUSABLE = [tuple(words) for words, _ in _entries(ALIKE)]
LEXICON = {word: phonemes for words, phonemes in _entries(ALIKE) + _entries(PLAIN) for word in words}
