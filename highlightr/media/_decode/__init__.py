"""Decoding: packets are filtered, GOPs decoded side by side, frames converted for each consumer."""
