"""`python -m podwire.cli` is `podwire`."""

from podwire.cli.main import main

main()
