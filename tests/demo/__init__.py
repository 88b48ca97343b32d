"""Tests of the demo: the shop's books, the comparison, and that nothing is left behind."""
