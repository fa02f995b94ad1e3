"""What is written of a summary: receipt, report, index page, score and feature files."""
