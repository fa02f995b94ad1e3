"""Runtimes that networks run in."""
