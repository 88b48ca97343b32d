"""
Where things are plugged together, opened and closed: the agent, the backend, both.

In: settings.  Out: running programs.
"""
