"""The command line: parse, call the API, print. Nothing else lives here."""

from highlightr.cli.start import main

__all__ = ["main"]
