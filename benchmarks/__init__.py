"""What measures highlightr; each module runs by `python -m benchmarks.NAME`."""
