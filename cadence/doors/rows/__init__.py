"""What a row of an imported file means, a file per kind: its columns, and how its cells become what the store keeps.

Nothing here reads files or knows the store; `doors.files` does.
"""
