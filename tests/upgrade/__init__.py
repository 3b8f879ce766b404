"""From the release before to the program as it is: what must not be lost on the way."""
