"""The server's page with the question answerer, in Chromium."""

import pytest

from apps.question_answerer.answerer import Answerer, answer
from tests.apps.cases.question_answerer import STORY
from tests.conftest import serving


def test_page_answers_and_shows_the_memory(visitor, trained):
    answerer = Answerer(trained)
    sentences = ("Ada went to the kitchen.", "Ben hurried to the attic.")
    expected, trace = answer(answerer, sentences, "Where is Ben?")
    with serving(trained) as server:
        visitor.open(server.http)
        (story,), (question,) = visitor.all("main textarea"), visitor.all("main input[name=question]")
        story.send_keys(STORY)
        question.send_keys("Where is Ben?")
        visitor.submit()
        visitor.until(lambda: visitor.all(".answer strong"))
        assert visitor.texts(".answer strong") == [expected["answer"]]
        assert visitor.texts(".explained span") == list(sentences)
        shown = visitor.run("[...document.querySelectorAll('.explained span')].map((span) => span.title)")
        assert shown == [f"read {each['read']:.2f}" for each in expected["sentences"]]
        weights = visitor.run(
            "[...document.querySelectorAll('svg')].map((svg) => [...svg.querySelectorAll('rect')].map((rect) => "
            "Number(rect.textContent.split(': ').at(-1))))"
        )
        steps, slots = trace["write_weighting"].shape
        written, read = weights
        assert len(written) == len(read) == steps * slots
        assert written == pytest.approx(trace["write_weighting"].ravel(), abs=0.006)
        assert read == pytest.approx(trace["read_weightings"].mean(axis=1).ravel(), abs=0.006)
        question.clear()
        visitor.submit()
        assert "enter a story and a question" in visitor.texts(".error")[0]
        question.send_keys("?!")
        visitor.submit()
        visitor.until(lambda: "question 1 has no words" in "".join(visitor.texts(".error")))
