"""Words: types, units, errors, clock, random, frame schemas, config. Imports nothing of ours, does no I/O."""
