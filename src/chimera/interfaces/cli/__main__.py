"""`python -m chimera.interfaces.cli` is the command line."""

from chimera.interfaces.cli import main

main()
