"""Cutting: `exact_cut` and `copy_cut` plan pieces, write them each in its way, and verify the file."""
