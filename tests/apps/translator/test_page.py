"""The server's page with the translator, in Chromium."""

from apps.translator.translator import Translator
from tests.conftest import serving

TEXTS = ["The old woman bought an apple.", "Did the man find the key?"]


def test_page_shows_translations_with_attention_weights(visitor, trained):
    translator = Translator(trained)
    translations, scores = translator(TEXTS)
    with serving(trained) as server:
        visitor.open(server.http)
        visitor.ask("\n".join(TEXTS))
        assert visitor.texts(".answer > strong") == translations
        assert visitor.texts(".answer > strong + small") == [f"(score {score:.2f})" for score in scores]
        pictures = visitor.all("details svg")
        assert len(pictures) == 2
        compared = 0
        for text, translation, picture in zip(TEXTS, translations, pictures, strict=True):
            source, target, weights = translator.attention(text, translation)
            squares = visitor.run("[...arguments[0].querySelectorAll('rect')].map((e) => e.textContent)", picture)
            assert len(squares) % len(source) == 0 and squares[0].split(" ← ")[1].startswith(source[0].lstrip("▁"))
            # The search may write a word in other pieces than those in which it is encoded.
            if len(squares) == len(source) * len(target):
                compared += 1
                shown = [float(square.rpartition(": ")[2]) for square in squares]
                assert max(abs(shown - weights.ravel())) < 0.006
        assert compared
