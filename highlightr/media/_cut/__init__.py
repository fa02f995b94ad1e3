"""Cutting: `exact_cut`, `smart_cut` and `copy_cut` each plan pieces, write them in their way, and verify the file."""
