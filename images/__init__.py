"""The container images: what each is made of and what it is called."""
