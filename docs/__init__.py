"""What is written for readers; `reference.py` writes part of it from the code."""
