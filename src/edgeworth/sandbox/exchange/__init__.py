"""The simulated venue's exchange: order books, matching, accounts, orders, trades, and the two WebSocket channels."""
