"""What is wrong with a message, said to whoever sent it."""


class Malformed(ValueError):
    """A message lacks what every such message must say; its sender must act."""
