"""The lab's server in this process, and its page in Chromium."""

import contextlib
import itertools
import socket
import threading
import time
from urllib.parse import urlencode

import pytest
import uvicorn
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from apps.lab.server import make_app


@contextlib.contextmanager
def lab_server(run=None):
    """Serve the lab in a thread; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(make_app(run), lifespan="off", log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def lab():
    with lab_server() as address:
        yield address


# Counts the pages of all tests: an address that differs only behind # would not be loaded again.
OPENED = itertools.count()


class LabPage:
    """Uses the page as a person would.

    Args:
        visitor: `Visitor` of the browser.
        address: of the lab's server.
    """

    def __init__(self, visitor, address):
        self.visitor, self.driver, self.address = visitor, visitor.driver, address

    def open(self, **values):
        """Open the page with what a link holds; the page is new."""
        self.driver.get(f"{self.address}/?{next(OPENED)}#{urlencode(values)}")
        self.until(lambda: self.driver.find_elements(By.CSS_SELECTOR, "#equations .vector button"))

    def until(self, condition):
        WebDriverWait(self.driver, 30, 0.05).until(lambda driver: condition())

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).text

    def texts(self, selector):
        """What stands in all elements, read at once."""
        return self.visitor.run("[...document.querySelectorAll(arguments[0])].map((each) => each.innerText)", selector)

    def click(self, selector):
        # Not what the browser's window happens to show decides whether it can be clicked.
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", self.one(selector))
        self.one(selector).click()

    def choose(self, selector, value):
        Select(self.one(selector)).select_by_value(str(value))

    def write(self, selector, text, end=Keys.ENTER):
        field = self.one(selector)
        # Clearing the field would already be a change of it.
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text, end)

    def slide(self, selector, value):
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
        self.driver.execute_script(script, self.one(selector), value)

    def numbers(self, name):
        """The numbers of all units of a state or gate, as they stand in the equations, in three digits."""
        labels = self.visitor.run(
            "[...document.querySelectorAll('#equations button')].map((each) => each.getAttribute('aria-label'))"
        )
        return [number(label) for label in labels if label.startswith(f"{name} of unit")]


def number(text):
    """The last number of a text."""
    return float(text.replace("\N{MINUS SIGN}", "-").split()[-1])


@pytest.fixture
def page(visitor, lab):
    return LabPage(visitor, lab)
