"""The simulated world: calibrated martingale prices, common crypto paths, and biases planted on purpose.

The sandbox judges everything else, so it imports `core` alone: fees and prices here are its own.
"""
