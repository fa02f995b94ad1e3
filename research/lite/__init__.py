"""The lite preset's trained scorers: from a folder of captioned clips to weights and their figures."""
