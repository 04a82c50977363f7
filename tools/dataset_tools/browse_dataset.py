"""``msvitreid browse``."""

from msvitreid.cli.browse import main
from msvitreid.cli.running import run_tool

if __name__ == '__main__':
    run_tool(main)
