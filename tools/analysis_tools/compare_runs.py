"""``msvitreid compare-runs``."""

from msvitreid.cli.compare_runs import main
from msvitreid.cli.running import run_tool

if __name__ == '__main__':
    run_tool(main)
