"""Types, errors, files and progress: what every room stands on; no media, no models."""
