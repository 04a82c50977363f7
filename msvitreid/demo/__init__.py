"""What only the demo needs.

``run.py`` is what it does, ``drawn/`` draws its pedestrians, a baseline learns nothing.
Only the demo's tools enter; nothing here is imported by other rooms.
"""
