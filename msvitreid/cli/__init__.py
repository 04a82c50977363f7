"""Commands: one module a command, each with ``main(args)``; may use every floor."""
