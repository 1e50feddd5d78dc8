"""Rules over one row of features: what a strategy is, those that ship, and how others are found."""
