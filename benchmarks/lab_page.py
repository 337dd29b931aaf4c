"""Measure the lab: time from the command to a usable page, frames a second while playing, weight of the page.

Needs Chromium with its driver.
"""

import shutil
import subprocess
import sys
import time

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from apps.common import cli

STEPS = 200
PLAY = """
const done = arguments[0], times = [];
document.querySelector("#speed").value = 60;
document.querySelector("#first").click();
document.querySelector("#play").click();
const frame = (now) => {
  times.push(now);
  if (document.querySelector("#play").textContent.includes("Pause")) requestAnimationFrame(frame);
  else done((1000 * (times.length - 1)) / (times.at(-1) - times[0]));
};
requestAnimationFrame(frame);
"""
WEIGHT = """return [...performance.getEntriesByType("resource"), ...performance.getEntriesByType("navigation")]
.reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""


def measure():
    """Measure the lab with a 12-unit LSTM and a text of 200 steps."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,1000"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    start = time.perf_counter()
    command = [sys.executable, "-m", "apps.lab", "--port", "0", "--no-open"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().split()[0]
        driver.get(f"{address}#network=echo&cell=lstm&text={'abcd' * (STEPS // 4)}")
        WebDriverWait(driver, 60, 0.02).until(
            lambda page: page.execute_script("return document.querySelectorAll('#equations button').length")
        )
        print(f"from the command to a usable page: {time.perf_counter() - start:.1f} s")
        print(f"frames a second while playing {STEPS} steps: {driver.execute_async_script(PLAY):.0f}")
        print(f"page with networks: {driver.execute_script(WEIGHT) / 1000:.0f} kB")
    finally:
        driver.quit()
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(cli.run(measure))
