"""One machine: the engine, a Kubernetes, the images and the stack, from package registries alone."""
