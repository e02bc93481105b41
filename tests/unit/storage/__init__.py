"""Tests of `holdall.storage`, without a server."""
