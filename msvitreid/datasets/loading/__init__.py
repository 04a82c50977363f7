"""How a loader draws: the same images whatever the number of workers, again after a stop."""
