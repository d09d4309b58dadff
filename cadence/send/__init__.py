"""Out: what is rendered, composed and handed over. Nothing of any one provider is here."""
