"""The ways out of the house: one folder per provider, each with how it sends, its settings and what it cannot do.

Everything here speaks of letters that are finished (rendered, composed) and of receipts. What a message is, whether
it may go and what becomes of it afterwards is decided above; nothing here knows the queue, the store or a policy.
"""
