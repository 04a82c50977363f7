"""Several processes: how they find each other, and that they are one run."""
