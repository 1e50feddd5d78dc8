"""From a panel to opinions: the one path that backtest, signals and bot share."""
