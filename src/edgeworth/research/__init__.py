"""Datasets, backtest runs, proof and reports: what turns a rule into an honest verdict."""
