"""Reading a config, checking it, and completing it with what data and parts say.

Knows no runner: what goes in is a config and what comes out is one.
"""
