"""The examples in the docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

from podwire import discovery, kube
from podwire.model import cluster

MODULES = [
    cluster.__name__,
    *(f"podwire.discovery.{module.name}" for module in pkgutil.iter_modules(discovery.__path__)),
    *(f"podwire.kube.{module.name}" for module in pkgutil.iter_modules(kube.__path__)),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    """Before and after are as the docstring shows them."""
    assert 0 == doctest.testmod(importlib.import_module(name)).failed
