"""`python -m cadence` is the program `cadence`."""

from cadence.cli import main

main()
