"""The agent as a service of a guest that has an init of its own: ``python3 -m tests.support.agent DEVICE``.

Standard library only: what it imports has to be on every image, for the interpreter of that image.
"""

import sys

from tests.support.agent import agent

agent.serve(sys.argv[1])
