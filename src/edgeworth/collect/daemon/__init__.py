"""The collector around the clock: slots, schedule, supervision, lock and logs."""
