"""Campaigns: read from YAML, checked, planned by their schedules, and put in the queue. What may go is decided
there."""
