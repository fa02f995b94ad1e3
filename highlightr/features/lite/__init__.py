"""The extractors and the text encoder of the `lite` preset."""
