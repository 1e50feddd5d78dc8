"""Import files: detect what they are, read in bounded memory, refuse nonsense, store, account for every row."""
