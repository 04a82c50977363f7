import torch

# The nets are tiny: threads would only wait for each other, and the suite runs in two processes.
torch.set_num_threads(1)
