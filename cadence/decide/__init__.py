"""The decision core: pure functions from columns to outcomes. It does no I/O, reads no clock, and knows no table."""
