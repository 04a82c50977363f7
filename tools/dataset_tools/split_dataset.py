"""``msvitreid split``."""

from msvitreid.cli.running import run_tool
from msvitreid.cli.split import main

if __name__ == '__main__':
    run_tool(main)
