"""Tests of `holdall.environment`, without a server."""
