"""The examples in the docstrings of the layers."""

import doctest
import importlib
import inspect
import pkgutil

import layers

# Keras' own class, under this package's name.
THEIRS = {"Bidirectional"}


def examples_of(value):
    """Return the doctests in the docstring of a class or function, without those of its methods."""
    parser, name = doctest.DocTestParser(), value.__name__
    return parser.get_doctest(inspect.getdoc(value) or "", {}, name, inspect.getfile(value), 0)


def test_every_public_name_has_an_example_that_prints_what_it_says(capsys):
    seen = []
    for name in layers.__all__:
        value = getattr(layers, name)
        if name in THEIRS:
            assert value.__module__.startswith("keras.")
            continue
        assert "\nExample:\n    >>> import " in inspect.getdoc(value), name
        test = examples_of(value)
        runner = doctest.DocTestRunner(verbose=False)
        runner.run(test)
        assert runner.failures == 0 and runner.tries == len(test.examples) >= 2, (name, capsys.readouterr().out)
        assert f"layers.{name}(" in inspect.getdoc(value), name
        seen.append(name)
    assert len(seen) == len(set(layers.__all__) - THEIRS) >= 34


def test_wrong_example_is_found():
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", "wrong", 0)
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, out=lambda text: None)
    assert runner.failures == 1


def test_all_examples_are_of_public_names():
    """An example elsewhere would not be run."""
    public = {getattr(layers, name) for name in layers.__all__}
    seen = 0
    for module in pkgutil.walk_packages(layers.__path__, "layers."):
        if module.name.endswith(("jax", "jax_linear")) or ".tensorflow" in module.name:
            continue
        for _, value in inspect.getmembers(importlib.import_module(module.name)):
            if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith("layers."):
                assert value in public or ">>>" not in (value.__doc__ or ""), value
                seen += 1
    assert seen > 50
