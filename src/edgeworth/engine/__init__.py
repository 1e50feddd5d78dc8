"""Engine: fees, sizing, gate, fills and the one walk through time; integer money, no I/O, depends on `core` only."""
