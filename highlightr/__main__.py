"""`python -m highlightr`: the command line."""

from highlightr.cli import main

main()
