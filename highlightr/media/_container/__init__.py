"""Opening a container: limits on what a file may claim, and its boxes."""
