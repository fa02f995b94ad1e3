"""Cutting: a plan of pieces, and the two ways to write it."""
