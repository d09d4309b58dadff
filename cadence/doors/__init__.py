"""The doors: where what could be sent, and what is known of contacts, comes in. Nothing here decides whether it goes
out."""
