"""Cadence decides when outreach to a contact is welcome, sends it then, holds it until then or stops it, and can say why."""
