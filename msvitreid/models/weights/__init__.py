"""Where weights come from: ImageNet files, the authors' names, a part's ``init_cfg``."""
