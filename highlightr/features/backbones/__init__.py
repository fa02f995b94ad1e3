"""The published backbones, in torch: what the papers' models eat, each by a stated protocol.

Every module here is imported by name through the registry, and imports torch only when an extractor is opened.
The rule they share: row i of a stream is computed from samples of clip i alone, ``[i * clip, (i + 1) * clip)``.
Weights come as files that the weight store has checked, or at random from a seed, for trying things out.
"""
