"""``msvitreid complexity``."""

from msvitreid.cli.complexity import main
from msvitreid.cli.running import run_tool

if __name__ == '__main__':
    run_tool(main)
