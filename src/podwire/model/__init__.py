"""
The nouns that flow down the river, with nothing but the standard library.

In: nothing.  Out: frozen values every other station speaks in.
"""
