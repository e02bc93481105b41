"""Real S3 servers for the tests: each module starts one and describes it as `tests.providers.Provider` values."""
