"""Tests of `holdall.s3`, without a server."""
