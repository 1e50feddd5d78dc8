"""The rules that ship, one per file; a new file here is found without being listed anywhere."""
