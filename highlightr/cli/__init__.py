"""The command line: parse, call the API, print. Nothing else lives here."""

from highlightr.cli.main import main

__all__ = ["main"]
