"""From YAML to the policy the engine uses: reading with places, conditions, segments, and who is governed by what.

It decides nothing and knows no database. `load` reads, `conditions` and `segments` answer, `governed` chooses rules.
"""
