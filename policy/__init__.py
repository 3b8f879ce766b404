"""What no facility may be deployed with: rules over single resources.

Every rule is a pure function of a ``Subject`` that returns what is wrong with it, in words
without values of secrets. Three callers: ``make test`` over every stack, the review of
every preview, and the engine itself (``pulumi preview --policy-pack policy``).
Standard library only, for the engine runs it in an environment of its own.
"""
