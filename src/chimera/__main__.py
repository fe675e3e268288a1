"""`python -m chimera` is the command line."""

from chimera.interfaces.cli import main

main()
