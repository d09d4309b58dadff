"""A message's life: accepted, claimed, decided late, handed over once, and ended with a reason.

It ties the store, the decision core and the providers together, in steps that can be read in order: `tick` and
`handover`. It knows no rule by name, writes no SQL, renders nothing and speaks to no service.
"""
