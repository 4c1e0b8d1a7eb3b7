"""What a server counts, and who may look: `figures` and `catalogue` hold it, `endpoint` and `push` show it.

Counting is plain arithmetic, and is not done at all where nobody looks.
"""
