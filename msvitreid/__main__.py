"""``python -m msvitreid COMMAND``."""

from msvitreid.cli.main import console

if __name__ == '__main__':
    console()
