"""What ``tools/analysis_tools/benchmark.py`` measures, a module for each subject."""
