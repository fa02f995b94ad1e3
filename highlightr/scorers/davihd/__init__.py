"""DAViHD: network, scorer and the authors' checkpoints."""
