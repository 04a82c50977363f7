"""Commands: one module a command, each with ``main(argv)``; may use every floor.

``main.COMMANDS`` names them; a module is imported only when its command runs.
"""
