"""The simulated venue's wire: requests in, responses out, on a virtual clock, faults by name."""
