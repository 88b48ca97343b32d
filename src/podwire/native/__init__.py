"""
Loops over columns that NumPy has no word for, compiled from `native/` at the root.

In: arrays.  Out: arrays.  Where no library fits the machine, a slower form does the same.
"""

from podwire.native.group import add_up, group

__all__ = ["add_up", "group"]
