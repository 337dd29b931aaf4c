"""One module an app: what `test_contract.py` must know of it.

A case module has these names:

    APP                     name of the app
    OPTIONS                 options of a training that takes seconds
    FILES                   files of a run directory beside those of every run
    SHOWN                   words that training shows of a row of the data
    BASELINE                words that `evaluate` prints of a baseline
    SETTINGS                [(options, words)]: options that `train` refuses, and words of the message
    QUESTIONS               [(arguments, words)]: arguments that `predict` refuses
    REFUSED                 [({input: value}, words)]: inputs that the exported model and the server refuse
    TOLERANCE               of numbers of the exported model, relative to the largest
    make_data(folder)       write small data into an empty folder; return the options that name it
    arguments(folder)       arguments of `predict` after the run directory
    spoil(folder)           damage the data; return words of the message
    change(folder)          replace the data by other valid data; return words of the message of `evaluate`
    inputs(run_dir)         {name: array}, a batch of at least two for the exported model
    answers(run_dir, inputs)  {name: array}, what the app itself returns for the inputs
"""

import importlib
import pkgutil

CASES = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]


def verb(case, name):
    """Return a verb of the case's app; `__main__` is the function that runs them all."""
    module = importlib.import_module(f"apps.{case.APP}.{name}")
    return getattr(module, case.APP if name == "__main__" else name)
