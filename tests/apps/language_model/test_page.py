"""The server's page with the language model, in Chromium."""

from selenium.webdriver.common.by import By

from apps.language_model.options import Sampling
from tests.conftest import serving


def suggested(visitor):
    """Return the words below the field, in one step, since they change while one looks."""
    return visitor.run("[...document.querySelectorAll('.words button')].map((button) => button.textContent)")


def test_page_completes_what_is_typed_and_continues_it(visitor, trained, writer):
    (words,) = writer.complete(["At the harb"], 5)
    with serving(trained) as server:
        visitor.open(server.http)
        (field,) = visitor.all("main section textarea")
        field.send_keys("At the harb")
        expected = [word for word, _ in words]
        visitor.until(lambda: suggested(visitor) == expected)
        visitor.all(".words button")[0].click()
        text = f"At the {expected[0]} "
        assert field.get_property("value") == text
        visitor.until(lambda: suggested(visitor) not in ([], expected))
        length = visitor.driver.find_element(By.NAME, "length")
        length.clear()
        length.send_keys("30")
        visitor.all("main section button[type=submit]")[0].click()
        visitor.until(lambda: visitor.all(".answer"))
        continuation = "".join(writer.generate(text, Sampling(length=30)))
        assert visitor.run("document.querySelector('.answer').textContent") == text + continuation
        length.clear()
        length.send_keys("1000000")
        visitor.all("main section button[type=submit]")[0].click()
        visitor.until(lambda: visitor.all(".error"))
        assert "length 1000000, expected 1 to 1000" in visitor.texts(".error")[0]
