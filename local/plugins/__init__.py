"""Stand-ins for the official `random` and `tls` plugins, for machines where those cannot be had.

They speak the engine's provider protocol (pulumi/proto/pulumi/provider.proto)
for exactly the resource types this program uses, with the official property
names, defaults, secret outputs, checks and replacements. `make up` uses them only
where it finds no official plugin. Their state has the official properties, so that a
stack may go from the one to the other; that has not been tried with the official ones.
"""
