"""
The metrics query expression language: text becomes a tree, a tree and minutes become series.

In: an expression, its metrics' minutes.  Out: series or single values, formatted as SkyWalking's.
"""
