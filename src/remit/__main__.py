"""`python -m remit` is the command line."""

from remit.entrypoints.cli import main

main()
