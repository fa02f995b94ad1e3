"""Timelines for editors: what was chosen, linked to its source, in the formats that editing programs read."""
