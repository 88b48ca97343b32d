"""
What each function of the language does to a family, one file a theme.

In: a checked call and the world around it.  Out: a transform from family to family; None is EMPTY.
"""
