"""What a price contract is worth given spot, volatility and its resolution rule."""
