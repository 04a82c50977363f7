"""What the terminal shows before the first step, and the log of a start."""
