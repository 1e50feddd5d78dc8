"""Store: market facts (`market_db`), deeds (`ledger_db`), the Parquet lake, and as-of reads over them."""
