"""The rules: a file per kind, each a question answered with an instant, and the table that lists them."""
