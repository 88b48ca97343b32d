"""The words for what of TLS is not read."""

import doctest

from podwire.capture.tls import elf
from podwire.model import tls
from podwire.model.tls import WORDS, Reason


def test_examples() -> None:
    """Before and after are as the docstrings show them."""
    assert [0, 0] == [doctest.testmod(module).failed for module in (tls, elf)]


def test_every_reason_has_its_words() -> None:
    """A reason without a remedy would leave its reader alone."""
    assert set(Reason) == WORDS.keys()
    assert all(words.why and words.remedy for words in WORDS.values())
