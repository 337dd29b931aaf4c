"""The sample: five sensors of a pump, every ten minutes for 70 days, with labelled faults of six kinds.

The pump follows a daily cycle and wears slowly. The first half is normal operation but for three short spikes, which
are labelled, too.
"""

import numpy as np
import pandas as pd

DAY = 144
ROWS = 70 * DAY
SENSORS = ("flow", "pressure", "power", "vibration", "temperature")
# First row, in days, and rows of each fault.
FAULTS = {
    "spike": (37.3, 3),
    "level shift": (41.6, 90),
    "drift": (45.2, 200),
    "frozen sensor": (50.4, 80),
    "changed period": (55.1, 160),
    "broken correlation": (60.3, 120),
    "second spike": (64.7, 3),
}
SPIKES_OF_NORMAL_ROWS = (6.4, 17.7, 28.1)


def make_readings(seed=0):
    """Make a table with `time`, a column for each sensor, and `anomaly`, 1 in faults.

    Returns:
        pandas.DataFrame of 10,080 rows.
    """
    generator = np.random.default_rng(seed)
    time = np.arange(ROWS)
    speed = _speed(time, generator)
    changed = _rows("changed period")
    # The controller oscillates within the hour.
    speed[changed] += 0.12 * np.sin(2 * np.pi * np.arange(len(changed)) / 7)
    wear = 0.0006 * time / DAY
    flow = 40 * speed + _noise(generator, 0.5)
    pressure = 2.2 + 1.9 * speed**2 + _noise(generator, 0.04)
    power = 6 + 11 * speed**2 * (1 + wear) + _noise(generator, 0.15)
    vibration = 0.8 + 0.7 * speed + 3 * wear + _noise(generator, 0.05)
    # The housing follows the power slowly.
    temperature = (
        24 + 1.1 * _smooth(power, 0.97) + 1.5 * np.sin(2 * np.pi * (time / DAY - 0.4)) + _noise(generator, 0.1)
    )
    readings = dict(zip(SENSORS, (flow, pressure, power, vibration, temperature), strict=True))
    _break(readings, generator)
    anomaly = np.zeros(ROWS, "int64")
    for name in FAULTS:
        anomaly[_rows(name)] = 1
    for day in SPIKES_OF_NORMAL_ROWS:
        row = int(day * DAY)
        anomaly[row : row + 2] = 1
        readings["pressure"][row : row + 2] += 1.2
    times = pd.date_range("2024-03-04", periods=ROWS, freq="10min")
    return pd.DataFrame({"time": times, **{n: np.round(v, 3) for n, v in readings.items()}, "anomaly": anomaly})


def _rows(name):
    day, count = FAULTS[name]
    return np.arange(int(day * DAY), int(day * DAY) + count)


def _speed(time, generator):
    """Return the speed of the pump, about 1: high in the day, lower at weekends, with a load that wanders."""
    hour, weekend = time % DAY / DAY, time // DAY % 7 >= 5
    cycle = 0.8 + 0.25 * np.exp(-((hour - 0.36) ** 2) / 0.01) + 0.3 * np.exp(-((hour - 0.76) ** 2) / 0.012)
    return cycle * np.where(weekend, 0.9, 1.0) + 0.05 * _smooth(generator.standard_normal(len(time)), 0.9) * 3


def _break(readings, generator):
    """Put the faults into the readings."""
    for name in ("spike", "second spike"):
        rows = _rows(name)
        readings["vibration" if name == "spike" else "flow"][rows] *= 1.6
    readings["pressure"][_rows("level shift")] -= 0.55
    drift = _rows("drift")
    readings["temperature"][drift] += np.linspace(0, 7, len(drift))
    frozen = _rows("frozen sensor")
    readings["flow"][frozen] = readings["flow"][frozen[0]]
    broken = _rows("broken correlation")
    # A leak: the flow no longer follows the speed, but stays in its usual range.
    readings["flow"][broken] = readings["flow"][broken - 3 * DAY + 55] + _noise(generator, 0.5)[: len(broken)]


def _noise(generator, scale):
    return scale * generator.standard_normal(ROWS)


def _smooth(values, coefficient):
    """Return the exponential moving average of values."""
    found, last = np.empty(len(values)), values[0]
    for index, value in enumerate(values):
        last = coefficient * last + (1 - coefficient) * value
        found[index] = last
    return found
