"""Reading the record, for those who check it: the verifier that judges what was done, in `verify`.

It decides nothing and writes nothing."""
