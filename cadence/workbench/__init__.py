"""Before a policy goes live: policy tests, and whatever else tries a policy without touching what is live.

Nothing here writes to the store or sends anything.
"""
