"""Programs for developers that need Python alone: no engine, no cluster."""
