"""As-of columns and what texts say: taxonomy, question parsing, feature sets."""
