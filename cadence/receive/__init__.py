"""What comes back: replies to the way out, and what each does. Nothing of any one provider."""
