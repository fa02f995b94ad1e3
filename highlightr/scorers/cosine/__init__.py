"""One space for pictures and words: a clip scores by the cosine of its picture and the query."""
