"""The examples in the docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

from podwire import mal

MODULES = [f"podwire.mal.{module.name}" for module in pkgutil.iter_modules(mal.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    """Before and after are as the docstring shows them."""
    assert 0 == doctest.testmod(importlib.import_module(name)).failed
