"""`python -m scanbook` is the command `scanbook`."""

import sys

from scanbook.cli import main

sys.exit(main())
