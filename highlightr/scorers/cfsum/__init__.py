"""CFSum: the paper's network, a regularised variant, a linear one, and their scorers."""
