"""The scorer that needs no training."""
