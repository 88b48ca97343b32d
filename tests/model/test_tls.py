"""The words for what of TLS is not read."""

import doctest

from podwire.capture.tls import elf
from podwire.model import tls
from podwire.model.tls import WORDS, Reason


def test_examples() -> None:
    """Before and after are as the docstrings show them."""
    results = [doctest.testmod(module) for module in (tls, elf)]
    assert [(0, True)] * 2 == [(each.failed, each.attempted > 0) for each in results]


def test_every_reason_has_its_words() -> None:
    """A reason without a remedy would leave its reader alone."""
    assert set(Reason) == WORDS.keys()
    assert all(words.why and words.remedy for words in WORDS.values())
