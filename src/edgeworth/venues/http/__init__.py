"""One polite HTTP client for every venue: limits, retries, circuit, an egress allow-list and counters."""
