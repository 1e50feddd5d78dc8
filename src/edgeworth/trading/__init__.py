"""The bot: intents to orders to money, on paper and live; what was done is written before it is done."""
