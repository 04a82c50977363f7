"""The ground: files, names, values, processes; knows nothing of ours but the errors."""
