"""Feature files: from videos to arrays that existing training code reads, with metadata beside each."""
