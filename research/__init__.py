"""What fitted the shipped weights; not part of the package."""
