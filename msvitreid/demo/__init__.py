"""What only the demo needs: a baseline without learning.

Only the demo's tools enter; nothing here is imported by other rooms.
"""
